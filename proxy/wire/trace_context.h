// The id of the trace that a request belongs to, from its traceparent field (W3C Trace Context, level 1). Pure.
#pragma once

#include <string_view>

#include "proxy/wire/http1.h"

namespace sheaf::wire {

// 32 lower-case hexadecimal digits, a view into the head. Empty where there is no traceparent, more than one, or one
// that is not valid, which the recommendation asks to be taken for none.
std::string_view TraceId(const RequestHead& request);

}  // namespace sheaf::wire
