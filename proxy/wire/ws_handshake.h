// The WebSocket opening handshake (RFC 6455 section 4): checks on both sides. No socket, no log.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "proxy/wire/http1.h"

namespace sheaf::wire {

// A key that nobody can foresee (RFC 6455 4.1), for a handshake of our own.
std::string NewWebSocketKey();

// The value of Sec-WebSocket-Accept that answers `key` (RFC 6455 4.2.2).
std::string WebSocketAccept(std::string_view key);

// Whether a head that wants a WebSocket is a valid handshake (RFC 6455 4.2.1; hardening rows 36, 37, 39): GET,
// Connection: upgrade, one key of 16 bytes in base64, version 13, no body. nullopt: valid. HTTP/1.0 passes: it is what
// nginx says to its upstream unless it is told otherwise, and it takes the 101 all the same.
std::optional<RefuseReason> CheckUpgradeRequest(const RequestHead& request);

// Whether `origin` is allowed by a list of exact origins, "*" or "https://*.example.org". An empty list allows all; a
// missing Origin (not a browser) is always allowed.
bool OriginAllowed(std::optional<std::string_view> origin, const std::vector<std::string>& allowed);

// Whether a 101 answers the handshake that was sent (RFC 6455 4.1; hardening rows 38, 42). `offered_protocols`: the
// request's Sec-WebSocket-Protocol values joined by ", ". Any extension is wrong, since none was offered.
// The fault is empty where nothing is wrong.
ResponseFault CheckUpgradeResponse(const ResponseHead& response, std::string_view expected_accept,
                                   std::string_view offered_protocols);

}  // namespace sheaf::wire
