// The statuses that Sheaf answers with itself.
#pragma once

#include <string_view>

namespace sheaf::wire {

// The reason phrase of such a status (RFC 9110 15); "Error" of any other.
std::string_view StatusText(int status);

}  // namespace sheaf::wire
