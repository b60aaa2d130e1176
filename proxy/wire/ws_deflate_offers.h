// The negotiation of permessage-deflate (RFC 7692 section 7.1): offers in, the answer to one of them out. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sheaf::wire {

// How the server side compresses and what it asks of clients.
struct DeflateSettings {
  bool server_takeover = false;  // our context may live on between messages; the client's never does
  uint8_t window_bits = 15;      // 9 to 15, of either direction at most
  bool operator==(const DeflateSettings&) const = default;
};

// What was agreed for one session.
struct DeflateAgreement {
  bool server_takeover = false;  // our compression context may live on between messages
  uint8_t server_window_bits = 15;
  uint8_t client_window_bits = 15;
  std::string extension;  // the value of Sec-WebSocket-Extensions for the 101
};

// Picks the first offer that can be met. `offers`: the values of all Sec-WebSocket-Extensions fields joined by ", ".
// nullopt: none is offered that is well-formed and can be met (other extensions, unknown or repeated parameters, window
// bits out of 8..15 or with leading zeroes or quotes that do not match, a server window of 8): the session goes on
// without it (RFC 7692 5.1, 7.1; hardening row 56).
std::optional<DeflateAgreement> NegotiateDeflate(std::string_view offers, const DeflateSettings& settings);

}  // namespace sheaf::wire
