// The log's line for an answer of the backend's that cannot be passed on: what is wrong with it, what was seen, and
// which request it is of. The sink escapes both.
#pragma once

#include <string_view>

#include "pool/http_stream.h"

namespace sheaf::pool {

// `upstream`: the endpoint's address; `cause`: a word.
void ReportBadAnswer(std::string_view upstream, std::string_view cause, std::string_view seen,
                     const RequestInLog& request);

}  // namespace sheaf::pool
