#include "tests/bench/socketio.h"

namespace sheaf::bench {
namespace {

constexpr std::string_view kTick = "42[\"tick\",";
constexpr std::string_view kEnd = "42[\"end\",";

}  // namespace

std::string EventPacket(std::string_view name) {
  return "42[\"" + std::string(name) + "\"]";
}

std::string MessageOfEvent(std::string_view packet) {
  if (!packet.ends_with(']')) return "";
  packet.remove_suffix(1);
  if (packet.starts_with(kTick)) return std::string(packet.substr(kTick.size()));
  if (packet.starts_with(kEnd)) return "end " + std::string(packet.substr(kEnd.size()));
  return "";
}

}  // namespace sheaf::bench
