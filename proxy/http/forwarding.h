// What changes in a head on its way through: hop-by-hop fields go, X-Forwarded-* (proxy/http/forwarded_fields.h) say
// who the client is. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "proxy/http/forwarded_fields.h"
#include "proxy/plan/negotiation.h"
#include "proxy/wire/field_lines.h"
#include "proxy/wire/http1.h"

namespace sheaf {

// 32 random hexadecimal digits.
std::string NewRequestId();
// The request's own X-Request-ID if its sender is trusted and it is 1 to 128 of [A-Za-z0-9._-], else a new one.
std::string RequestIdFor(const wire::RequestHead& request, const ClientInfo& client);

// The head as it goes upstream (RFC 9110 7.6; hardening rows 18, 28-30, 40), of any request but a WebSocket handshake.
// `target`: in normal form. `default_host`: for HTTP/1.0 requests without a Host.
std::string BuildUpstreamHead(const wire::RequestHead& request, const ClientInfo& client, const ForwardingRules& rules,
                              std::string_view target, std::string_view request_id, std::string_view default_host);

// The fields of a WebSocket handshake as they go upstream. The handshake loses its Sec-WebSocket-Extensions and
// Sheaf-Batch, since compression and batch frames are between us and the client; its Connection and Upgrade are for the
// next one to write.
wire::FieldLines BuildUpgradeFields(const wire::RequestHead& request, const ClientInfo& client,
                                    const ForwardingRules& rules, std::string_view request_id,
                                    std::string_view default_host);

// How a response's body goes to the client.
enum class Framing : uint8_t {
  kAsIs,        // no body, or the Content-Length that came
  kChunked,     // ends with a last chunk
  kUntilClose,  // HTTP/1.0 client and unknown length: ends with the connection
};
Framing FramingFor(const wire::ResponseHead& response, int client_minor_version, bool head_request);

// The head as it goes to the client. `close`: the connection ends after this response. `client_minor_version`: an
// HTTP/1.0 client must be told that the connection stays. `request_id`: as it went upstream; the client gets it, unless
// the backend has set an X-Request-ID of its own, or the response is an interim one.
std::string BuildDownstreamHead(const wire::ResponseHead& response, Framing framing, bool close,
                                int client_minor_version, std::string_view request_id);

// The 101 that opens a WebSocket, from the backend's valid one and from what the client gets of us. `user_header`: a
// field that is for Sheaf alone; empty: none.
std::string BuildSwitchingProtocols(const wire::ResponseHead& response, const Negotiated& negotiated,
                                    std::string_view request_id, std::string_view user_header = {});

}  // namespace sheaf
