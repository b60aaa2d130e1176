// The cookies of a request (RFC 6265 5.4). Pure.
#pragma once

#include <optional>
#include <string_view>

#include "proxy/wire/http1_head.h"

namespace sheaf::wire {

// The value of the first cookie of that name (case matters) that is not empty, as it stands: quotes belong to it.
std::optional<std::string_view> FindCookie(const RequestHead& request, std::string_view name);

}  // namespace sheaf::wire
