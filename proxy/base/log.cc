#include "proxy/base/log.h"

#include <unistd.h>

#include <atomic>
#include <chrono>

#include "proxy/base/bounded_write.h"

namespace sheaf {
namespace {

void PrintToStderr(LogKind /*kind*/, LogLevel /*level*/, std::string_view message, std::span<const LogField> fields) {
  std::string line(message);
  for (const LogField& field : fields) line.append(" ").append(field.key).append("=").append(field.value);
  line.push_back('\n');
  if (!WriteWithin(STDERR_FILENO, line, std::chrono::seconds(1))) CountDroppedLogLines(1);
}

std::atomic<LogSink> g_sink{&PrintToStderr};
std::atomic<LogLevel> g_level{LogLevel::kInfo};
std::atomic<uint64_t> g_dropped{0};

}  // namespace

void SetLogSink(LogSink sink) {
  g_sink.store(sink, std::memory_order_relaxed);
}
void SetLogLevel(LogLevel level) {
  g_level.store(level, std::memory_order_relaxed);
}
LogLevel CurrentLogLevel() {
  return g_level.load(std::memory_order_relaxed);
}
bool LogEnabled(LogLevel level) {
  return level >= CurrentLogLevel();
}

void Log(LogKind kind, LogLevel level, std::string_view message, std::span<const LogField> fields) {
  if (LogEnabled(level)) g_sink.load(std::memory_order_relaxed)(kind, level, message, fields);
}

void CountDroppedLogLines(uint64_t lines) {
  g_dropped.fetch_add(lines, std::memory_order_relaxed);
}
uint64_t DroppedLogLines() {
  return g_dropped.load(std::memory_order_relaxed);
}

}  // namespace sheaf
