// The one door to the log, for every folder that may log (wire and batching may not).
//
//   Log(LogLevel::kWarning, "backend is down", {{"upstream", name}, {"error", text}});
//   Log(LogKind::kAccess, LogLevel::kInfo, "access", {{"client", address}, {"status", 200}});
//
// The sink (proxy/logging.h: a queue, and glog underneath) escapes every value, so nothing a client sends can forge a
// line. Any thread; a reader of the log that hangs holds nobody up. Never on the data path of a message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include "proxy/base/log_value.h"

namespace sheaf {

// Container runtimes cut lines at 16 KiB, and glog at 30,000 bytes; a line is kept under both. A longer value ends in
// "...", and fields for which there is no room are left out.
inline constexpr size_t kMaxLogLine = 16 * 1024;
inline constexpr size_t kMaxLogValue = 2 * 1024;

enum class LogLevel : uint8_t { kDebug, kInfo, kWarning, kError };

// What becomes of a line while the reader of the log does not keep up.
enum class LogKind : uint8_t {
  kAccess,  // one a request or session: dropped first
  kEvent,   // all others
  kLast,    // why the process ends: written before the call returns, and nothing after it. The reader has a second.
};

struct LogField {
  std::string_view key;  // [a-z_]+
  LogValue value;
};

using LogSink = void (*)(LogKind kind, LogLevel level, std::string_view message, std::span<const LogField> fields);

// Until a sink is set, lines go to stderr as they are. Set once, before threads start.
void SetLogSink(LogSink sink);

// Lines below this level are dropped before their fields are built, if the caller asks LogEnabled first.
void SetLogLevel(LogLevel level);
LogLevel CurrentLogLevel();
bool LogEnabled(LogLevel level);

void Log(LogKind kind, LogLevel level, std::string_view message, std::span<const LogField> fields);
inline void Log(LogKind kind, LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {}) {
  Log(kind, level, message, std::span<const LogField>(fields.begin(), fields.size()));
}
inline void Log(LogLevel level, std::string_view message, std::span<const LogField> fields) {
  Log(LogKind::kEvent, level, message, fields);
}
inline void Log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {}) {
  Log(LogKind::kEvent, level, message, fields);
}

// Lines that were passed to Log and will never be read, since the process began (sheaf_log_dropped_total).
void CountDroppedLogLines(uint64_t lines);
uint64_t DroppedLogLines();

}  // namespace sheaf
