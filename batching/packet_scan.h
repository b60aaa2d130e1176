// Finding the parts of Socket.IO packets and of JSON by counting brackets outside of strings, without checking what is
// in them. For batching/packet*.cc and batching/envelope_*.cc only.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "batching/packet.h"

namespace sheaf::batching {

// The first position from `i` on that is no white space of JSON; text.size() if there is none.
size_t SkipSpace(std::string_view text, size_t i);
// Behind the string whose opening quote is at `i`; npos when it does not end.
size_t SkipString(std::string_view text, size_t i);
// The comma or closing bracket that ends the value that begins at or behind `i`; npos when there is none.
size_t FindValueEnd(std::string_view text, size_t i);

// The rest of a packet behind its type and attachments: `[<namespace>,][<ack id>][...`.
std::optional<EventPacket> ParseEventRest(std::string_view rest);

// The two members of `["name",argument]`, as they stand, white space around each taken off.
struct NamedArgument {
  std::string_view name;  // a string token
  std::string_view argument;
};
// nullopt when `json` is something else, as far as counting brackets can tell.
std::optional<NamedArgument> FindNamedArgument(std::string_view json);
// FindNamedArgument for a `json` that it has accepted before: does not read the argument.
NamedArgument FindNamedArgumentAgain(std::string_view json);

}  // namespace sheaf::batching
