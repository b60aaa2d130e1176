// The character rules of HTTP/1.x (RFC 9110 section 5.6, RFC 9112) that the head and the body parser share.
// Internal to proxy/wire.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "proxy/base/ascii.h"
#include "proxy/wire/http1_head.h"

namespace sheaf::wire {

// A token (RFC 9110 5.6.2): not empty, no separators. Method and field names are tokens.
bool IsToken(std::string_view text);

// A field value: visible characters, SP, HTAB and bytes from 0x80 on (RFC 9110 5.5). May be empty.
bool IsFieldValue(std::string_view text);

// What a request target or an authority may hold at all: visible US-ASCII but '#' (a fragment is never sent).
bool IsTargetText(std::string_view text);

// host [":" port] (RFC 3986 3.2.2): a name, an IPv4 address or an IPv6 address in brackets, and no user information.
bool IsHostAndPort(std::string_view text);

// A Content-Length: decimal digits and nothing else, at most 2^63 - 1.
std::optional<uint64_t> ParseContentLength(std::string_view text);

using sheaf::ToLower;

// The value of a hexadecimal digit, or -1.
int HexValue(char c);

// Without SP and HTAB at both ends.
std::string_view Trim(std::string_view text);

// The next member of a comma-separated list, trimmed, taken off the front of `list`. Members may be empty.
std::string_view TakeListMember(std::string_view& list);

// Whether the comma-separated list `value` has `token` (case-insensitive, RFC 9110 5.6.1).
bool ListHasToken(std::string_view value, std::string_view token);

// Checks a field as it was received: the name a token, with '_' only if allowed, the value without controls.
std::optional<RefuseReason> CheckField(const Field& field, bool allow_underscores);

}  // namespace sheaf::wire
