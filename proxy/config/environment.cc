#include "proxy/config/environment.h"

#include <algorithm>
#include <array>
#include <span>

#include "proxy/config/names.h"

namespace sheaf {
namespace {

bool StartsWithOneOf(std::string_view text, std::span<const std::string_view> beginnings) {
  return std::any_of(beginnings.begin(), beginnings.end(),
                     [text](std::string_view beginning) { return text.starts_with(beginning); });
}

// "8080_TCP" or "8080_TCP_ADDR", the end of SHEAF_PORT_8080_TCP_ADDR.
bool NamesPort(std::string_view text) {
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  if (digits == 0) return false;
  text.remove_prefix(digits);
  for (const std::string_view protocol : {"_TCP", "_UDP", "_SCTP"}) {
    if (!text.starts_with(protocol)) continue;
    const std::string_view part = text.substr(protocol.size());
    return part.empty() || part == "_ADDR" || part == "_PORT" || part == "_PROTO";
  }
  return false;
}

// The shapes of kubernetes/pkg/kubelet/envvars; of a Service "sheaf-x", for example: SHEAF_X_SERVICE_HOST,
// SHEAF_X_SERVICE_PORT, SHEAF_X_SERVICE_PORT_HTTP, SHEAF_X_PORT=tcp://10.0.0.1:80 and SHEAF_X_PORT_80_TCP_ADDR.
bool IsServiceLink(std::string_view name, std::string_view value) {
  static constexpr std::array<std::string_view, 3> kSchemes = {"tcp://", "udp://", "sctp://"};
  static constexpr std::string_view kServicePort = "_SERVICE_PORT";
  static constexpr std::string_view kPort = "_PORT_";
  if (name.ends_with("_SERVICE_HOST")) return true;
  if (name.ends_with("_PORT") && StartsWithOneOf(value, kSchemes)) return true;
  if (const size_t at = name.rfind(kServicePort); at != std::string_view::npos) {
    const std::string_view port_name = name.substr(at + kServicePort.size());
    if (port_name.empty() || port_name.starts_with('_')) return true;
  }
  for (size_t at = name.find(kPort); at != std::string_view::npos; at = name.find(kPort, at + 1)) {
    if (NamesPort(name.substr(at + kPort.size()))) return true;
  }
  return false;
}

}  // namespace

Variable JudgeVariable(std::string_view name, std::string_view value) {
  if (IsServiceLink(name, value)) return Variable::kServiceLink;
  return NamesSection(name) || ResemblesOption(name) ? Variable::kMistake : Variable::kForeign;
}

}  // namespace sheaf
