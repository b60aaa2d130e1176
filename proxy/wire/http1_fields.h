// The field section of a head, split by llhttp and checked by us, and what the framing fields say.
// Internal to proxy/wire.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "proxy/wire/http1_head.h"

namespace sheaf::wire {

enum class HeadKind : uint8_t { kRequest, kResponse };

// Splits a head into `fields`. HeadScanner must have found it complete and the caller must have checked its first
// line. The views of `fields` point into `head`.
std::optional<RefuseReason> ParseFields(std::string_view head, HeadKind kind, const HeadLimits& limits,
                                        std::vector<Field>& fields);

std::optional<std::string_view> FindField(const std::vector<Field>& fields, std::string_view name);
size_t CountFields(const std::vector<Field>& fields, std::string_view name);

// Whether a field of that name, all its lines together, lists `token`.
bool FieldsListToken(const std::vector<Field>& fields, std::string_view name, std::string_view token);

// How a message is delimited, from its Content-Length and Transfer-Encoding alone.
struct Framing {
  std::optional<uint64_t> length;
  bool chunked = false;
};

// Anything but one well-formed Content-Length, or one `Transfer-Encoding: chunked` in HTTP/1.1, or neither, is refused
// (RFC 9112 section 6; hardening rows 1-7, 31): what two parsers can read in two ways smuggles requests. A backend may
// say the same length several times.
std::optional<RefuseReason> ParseFraming(const std::vector<Field>& fields, HeadKind kind, int minor_version,
                                         Framing& framing);

// Whether the connection goes on after this message, by version and Connection (RFC 9112 9.3).
bool WantsKeepAlive(const std::vector<Field>& fields, int minor_version);

}  // namespace sheaf::wire
