// Reading Socket.IO packets and JSON texts no further than batching needs. Pure functions; any thread.
//
// Sources: the Engine.IO v4 and Socket.IO v5 protocols, RFC 8259 (JSON), RFC 6901 (JSON Pointer).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sheaf::batching {

// A Socket.IO EVENT packet on an Engine.IO message: `42[<namespace>,][<ack id>]["name",...]`. Not a binary one (`45`).
struct EventPacket {
  std::string_view name_space;  // "/admin"; empty: the default one
  bool has_ack = false;
  std::string_view json;  // from the bracket on; not yet checked
};
// nullopt when `text` does not begin like one. Looks at the part in front of the bracket only.
std::optional<EventPacket> ParseEventPacket(std::string_view text);

// Of a Socket.IO acknowledgement on an Engine.IO message (`43...`, with binary data `46<attachments>-...`): how many
// WebSocket messages it takes, attachments included. nullopt when `text` does not begin like one.
std::optional<uint16_t> FramesOfAck(std::string_view text);

// The event's name as it stands, quotes included: the first member of `json`, an array that need not be valid behind
// it. Empty when there is none.
std::string_view EventNameToken(std::string_view json);
// A JSON string token with its escapes resolved. nullopt when it is no valid one.
std::optional<std::string> DecodeString(std::string_view token);

// The reference tokens of a JSON Pointer with their escapes resolved ("" has none). nullopt: malformed.
std::optional<std::vector<std::string>> ParsePointer(std::string_view pointer);
// The value in `json` that the tokens lead to, as it stands; nullopt when there is none, or when `json` is not valid up
// to the end of that value. Reads no further than that.
std::optional<std::string_view> FindValue(std::string_view json, const std::vector<std::string>& tokens);

}  // namespace sheaf::batching
