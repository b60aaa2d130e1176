// The one door to the log, for every folder that may log (wire and batching may not).
//
//   Log(LogLevel::kWarning, "backend is down", {{"upstream", name}, {"error", text}});
//
// The sink (proxy/logging.h: glog underneath) escapes every value, so nothing a client sends can forge a line.
// Any thread. Never on the data path of a message.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace sheaf {

enum class LogLevel : uint8_t { kDebug, kInfo, kWarning, kError };

struct LogField {
  std::string_view key;  // [a-z_]+
  std::string value;     // any bytes; the sink escapes them
};

using LogSink = void (*)(LogLevel level, std::string_view message, std::span<const LogField> fields);

// Until a sink is set, lines go to stderr as they are. Set once, before threads start.
void SetLogSink(LogSink sink);

// Lines below this level are dropped before their fields are built, if the caller asks LogEnabled first.
void SetLogLevel(LogLevel level);
bool LogEnabled(LogLevel level);

void Log(LogLevel level, std::string_view message, std::span<const LogField> fields);
inline void Log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {}) {
  Log(level, message, std::span<const LogField>(fields.begin(), fields.size()));
}

}  // namespace sheaf
