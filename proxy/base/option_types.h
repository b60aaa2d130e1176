// The types of options: enumerations with the names of their values, what a reload gives a new value to, how a value is
// written, and what a default's text is as a value.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/log.h"
#include "proxy/base/units.h"

namespace sheaf {

// How WebSockets reach a backend: over a connection each, or many over one (proxy/wire/mux_frame.md).
enum class UpstreamMode : uint8_t { kTunnel, kMux };
// Which endpoint of a backend gets what is new.
enum class Balance : uint8_t { kLeastSessions, kRoundRobin, kHash };
// Whose later requests go where the first one went.
enum class AffinityMode : uint8_t { kSocketIo, kNone };
enum class LogFormat : uint8_t { kText, kJson };
// What the log shows of a request's query and path (proxy/base/redaction.h).
enum class LogQuery : uint8_t { kFull, kNames, kNone };
enum class LogPath : uint8_t { kFull, kRoute };
// How a route's messages are delivered to clients.
enum class Delivery : uint8_t { kOff, kCork, kOffer, kAlways };
// The forms of batching/envelopes.md.
enum class Envelope : uint8_t { kJson, kBinary, kEngineIo, kSocketIoEvent };
// What happens when more than limits.buffer_high waits for a client.
enum class SlowClient : uint8_t { kPause, kConflate, kDropOldest, kClose };
// What of earlier messages the compression of the next one may use.
enum class DeflateContext : uint8_t { kShared, kOwn, kNone };
// Whether connections begin with a PROXY header; nobody guesses.
enum class ProxyProtocol : uint8_t { kOff, kOn };
// What a client hears when its upstream WebSocket is lost or broken.
enum class UpstreamLost : uint8_t { kClose, kNone };
// What becomes of request fields with an underscore in their name.
enum class Underscores : uint8_t { kPass, kDrop, kRefuse };
// The family of fields in which proxies tell each other of the client.
enum class ForwardedHeader : uint8_t { kXForwarded, kForwarded };

// What a reload's new value takes hold of. What a route inherits is its sessions', which keep what they began with.
enum class Takes : uint8_t {
  kLive,         // everything: what is under way at its next use, and each new connection
  kNewSessions,  // sessions and requests that begin from now on
  kRestart,      // nothing, until the next start
};

// "live", "new sessions", "restart".
constexpr std::string_view NameOf(Takes takes) {
  constexpr std::array<std::string_view, 3> kNames = {"live", "new sessions", "restart"};
  return kNames[static_cast<size_t>(takes)];
}

// How a value is written.
enum class OptionUnit : uint8_t {
  kText,            // any text
  kWord,            // one of the enumeration's names
  kSwitch,          // true or false
  kList,            // texts
  kOneOrList,       // a text, or a list of them
  kCount,           // a number
  kAutoCount,       // a number, or "auto" (kAuto)
  kPerSecond,       // a number a second
  kBytes,           // a number or "64KiB"
  kBytesPerSecond,  // the same, a second
  kTime,            // "50ms"
};

// "auto", where an option takes that instead of a number.
inline constexpr uint32_t kAuto = UINT32_MAX;

namespace option_internal {

inline constexpr std::array<std::string_view, 2> kUpstreamModeNames = {"tunnel", "mux"};
inline constexpr std::array<std::string_view, 2> kLogFormatNames = {"text", "json"};
inline constexpr std::array<std::string_view, 4> kLogLevelNames = {"debug", "info", "warning", "error"};
inline constexpr std::array<std::string_view, 3> kLogQueryNames = {"full", "names", "none"};
inline constexpr std::array<std::string_view, 2> kLogPathNames = {"full", "route"};
constexpr std::span<const std::string_view> Names(UpstreamMode /*type*/) {
  return kUpstreamModeNames;
}
inline constexpr std::array<std::string_view, 3> kBalanceNames = {"least_sessions", "round_robin", "hash"};
constexpr std::span<const std::string_view> Names(Balance /*type*/) {
  return kBalanceNames;
}
inline constexpr std::array<std::string_view, 2> kAffinityModeNames = {"socketio", "none"};
constexpr std::span<const std::string_view> Names(AffinityMode /*type*/) {
  return kAffinityModeNames;
}
constexpr std::span<const std::string_view> Names(LogFormat /*type*/) {
  return kLogFormatNames;
}
constexpr std::span<const std::string_view> Names(LogLevel /*type*/) {
  return kLogLevelNames;
}
constexpr std::span<const std::string_view> Names(LogQuery /*type*/) {
  return kLogQueryNames;
}
constexpr std::span<const std::string_view> Names(LogPath /*type*/) {
  return kLogPathNames;
}
inline constexpr std::array<std::string_view, 4> kDeliveryNames = {"off", "cork", "offer", "always"};
inline constexpr std::array<std::string_view, 4> kEnvelopeNames = {"json", "binary", "engineio", "socketio-event"};
inline constexpr std::array<std::string_view, 4> kSlowClientNames = {"pause", "conflate", "drop_oldest", "close"};
constexpr std::span<const std::string_view> Names(Delivery /*type*/) {
  return kDeliveryNames;
}
constexpr std::span<const std::string_view> Names(Envelope /*type*/) {
  return kEnvelopeNames;
}
constexpr std::span<const std::string_view> Names(SlowClient /*type*/) {
  return kSlowClientNames;
}
inline constexpr std::array<std::string_view, 2> kProxyProtocolNames = {"off", "on"};
constexpr std::span<const std::string_view> Names(ProxyProtocol /*type*/) {
  return kProxyProtocolNames;
}
inline constexpr std::array<std::string_view, 2> kUpstreamLostNames = {"close", "none"};
inline constexpr std::array<std::string_view, 3> kDeflateContextNames = {"shared", "own", "none"};
constexpr std::span<const std::string_view> Names(DeflateContext /*type*/) {
  return kDeflateContextNames;
}
inline constexpr std::array<std::string_view, 3> kUnderscoresNames = {"pass", "drop", "refuse"};
inline constexpr std::array<std::string_view, 2> kForwardedHeaderNames = {"x-forwarded", "forwarded"};
constexpr std::span<const std::string_view> Names(UpstreamLost /*type*/) {
  return kUpstreamLostNames;
}
constexpr std::span<const std::string_view> Names(Underscores /*type*/) {
  return kUnderscoresNames;
}
constexpr std::span<const std::string_view> Names(ForwardedHeader /*type*/) {
  return kForwardedHeaderNames;
}

// The overloads of Default give a row's default its C++ type.
template <typename T>
struct Type {};
constexpr bool Default(Type<bool> /*type*/, std::string_view text) {
  return text == "true";
}
constexpr uint32_t Default(Type<uint32_t> /*type*/, std::string_view text) {
  if (text == "auto") return kAuto;
  return static_cast<uint32_t>(ParseNumber(text).value_or(0));
}
constexpr uint64_t Default(Type<uint64_t> /*type*/, std::string_view text) {
  return ParseBytes(text).value_or(0);
}
constexpr std::chrono::milliseconds Default(Type<std::chrono::milliseconds> /*type*/, std::string_view text) {
  return ParseDuration(text).value_or(std::chrono::milliseconds(0));
}
inline std::string Default(Type<std::string> /*type*/, std::string_view text) {
  return std::string(text);
}
// `text`: texts in quotes, without escapes.
inline std::vector<std::string> Default(Type<std::vector<std::string>> /*type*/, std::string_view text) {
  std::vector<std::string> list;
  for (size_t open = text.find('"'); open != std::string_view::npos; open = text.find('"', open + 1)) {
    const size_t close = text.find('"', open + 1);
    list.emplace_back(text.substr(open + 1, close - open - 1));
    open = close;
  }
  return list;
}
template <typename Enum>
constexpr Enum Default(Type<Enum> /*type*/, std::string_view text) {
  uint8_t index = 0;
  for (const std::string_view name : Names(Enum{})) {
    if (name == text) break;
    ++index;
  }
  return static_cast<Enum>(index);
}

}  // namespace option_internal

// "json" for kJson. nullopt: no envelope has the name.
constexpr std::string_view NameOf(Envelope envelope) {
  return option_internal::kEnvelopeNames[static_cast<size_t>(envelope)];
}
std::optional<Envelope> EnvelopeNamed(std::string_view name);

}  // namespace sheaf
