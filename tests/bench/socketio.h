// As much of Engine.IO 4 and Socket.IO 5 as a client of the benchmark needs.
#pragma once

#include <string>
#include <string_view>

namespace sheaf::bench {

inline constexpr std::string_view kEngineOpen = "0";
inline constexpr std::string_view kEnginePing = "2";
inline constexpr std::string_view kEnginePong = "3";
inline constexpr std::string_view kNamespace = "40";  // asks for the default one, and begins the answer

// The packet of an event without data.
std::string EventPacket(std::string_view name);

// What the packet of an event "tick" carries as JSON, or "end COUNT" of an event "end"; "" of any other packet.
std::string MessageOfEvent(std::string_view packet);

}  // namespace sheaf::bench
