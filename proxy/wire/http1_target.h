// Request targets in one normal form (RFC 3986), for all who compare paths. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sheaf::wire {

// One normal form of a path for routing, admission and forwarding (hardening row 20; RFC 3986 6.2.2): %-escapes of
// unreserved characters decoded, hexadecimal digits upper-case, "." and ".." segments resolved, "//" kept as it is
// except where it hides a "..". nullopt: `%00`, a malformed escape, or a path that climbs over the root. The query is
// untouched.
std::optional<std::string> NormalizeTarget(std::string_view origin_form);

// Whether a backend may take the normal path `path` (without a query) for the normal path `reserved`. Normal forms that
// differ may still be one path to it: ASGI servers decode every escape, "%2F" too, and others merge slashes.
bool MayBeTakenFor(std::string_view path, std::string_view reserved);

}  // namespace sheaf::wire
