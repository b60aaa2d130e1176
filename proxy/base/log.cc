#include "proxy/base/log.h"

#include <atomic>
#include <cstdio>

namespace sheaf {
namespace {

void PrintToStderr(LogLevel /*level*/, std::string_view message, std::span<const LogField> fields) {
  std::string line(message);
  for (const LogField& field : fields) line.append(" ").append(field.key).append("=").append(field.value);
  line.push_back('\n');
  std::fwrite(line.data(), 1, line.size(), stderr);
}

std::atomic<LogSink> g_sink{&PrintToStderr};
std::atomic<LogLevel> g_level{LogLevel::kInfo};

}  // namespace

void SetLogSink(LogSink sink) {
  g_sink.store(sink, std::memory_order_relaxed);
}
void SetLogLevel(LogLevel level) {
  g_level.store(level, std::memory_order_relaxed);
}
bool LogEnabled(LogLevel level) {
  return level >= g_level.load(std::memory_order_relaxed);
}

void Log(LogLevel level, std::string_view message, std::span<const LogField> fields) {
  if (LogEnabled(level)) g_sink.load(std::memory_order_relaxed)(level, message, fields);
}

}  // namespace sheaf
