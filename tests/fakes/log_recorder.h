// Takes the place of the log's sink for as long as it lives, and keeps what would have been written, a text a line:
// "warning the backend is down upstream=127.0.0.1:8000 error=Connection refused".
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/log.h"

namespace sheaf {

class LogRecorder {
 public:
  LogRecorder() {
    current_ = this;
    SetLogLevel(LogLevel::kDebug);
    SetLogSink(&LogRecorder::Take);
  }
  LogRecorder(const LogRecorder&) = delete;
  LogRecorder& operator=(const LogRecorder&) = delete;
  // Later lines go nowhere: a test program has no use for them.
  ~LogRecorder() {
    current_ = nullptr;
    SetLogLevel(LogLevel::kError);
  }

  std::vector<std::string> lines;

  // How many lines have all of `part`.
  size_t Count(std::string_view part) const {
    size_t count = 0;
    for (const std::string& line : lines) count += line.find(part) != std::string::npos ? 1 : 0;
    return count;
  }

 private:
  static void Take(LogKind /*kind*/, LogLevel level, std::string_view message, std::span<const LogField> fields) {
    if (current_ == nullptr) return;
    static constexpr std::array<std::string_view, 4> kNames = {"debug", "info", "warning", "error"};
    std::string line = std::string(kNames[static_cast<size_t>(level)]).append(" ").append(message);
    for (const LogField& field : fields) line.append(" ").append(field.key).append("=").append(field.value);
    current_->lines.push_back(line);
  }

  static inline LogRecorder* current_ = nullptr;
};

}  // namespace sheaf
