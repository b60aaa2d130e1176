// A folder of files that looks like the root of a machine, and a log that can be asked what it got.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/log.h"

namespace sheaf::memwatch {

class FakeRoot {
 public:
  FakeRoot() { std::filesystem::create_directories(path_); }
  FakeRoot(const FakeRoot&) = delete;
  FakeRoot& operator=(const FakeRoot&) = delete;
  ~FakeRoot() { std::filesystem::remove_all(path_); }

  const std::string& path() const { return path_; }

  // In place, as the kernel changes what a descriptor reads.
  void Write(const std::string& file, const std::string& text) const {
    const std::filesystem::path where = path_ + file;
    std::filesystem::create_directories(where.parent_path());
    std::ofstream(where, std::ios::trunc) << text;
  }
  void MakeFolder(const std::string& folder) const { std::filesystem::create_directories(path_ + folder); }

 private:
  static inline int made_ = 0;
  const std::string path_ = "/tmp/sheaf-memwatch-test-" + std::to_string(getpid()) + "-" + std::to_string(++made_);
};

// Keeps all lines, debug ones included, as "message key=value ..." with the level's number in front.
class KeptLog {
 public:
  KeptLog() {
    Lines().clear();
    SetLogSink(&Keep);
    SetLogLevel(LogLevel::kDebug);
  }
  KeptLog(const KeptLog&) = delete;
  KeptLog& operator=(const KeptLog&) = delete;
  ~KeptLog() { SetLogLevel(LogLevel::kError); }

  // How many lines have `part`, and, where given, this level.
  size_t Count(std::string_view part) const { return Count("", part); }
  size_t Warnings(std::string_view part) const { return Count("2", part); }

 private:
  static std::vector<std::string>& Lines() {
    static std::vector<std::string> lines;
    return lines;
  }
  static void Keep(LogKind /*kind*/, LogLevel level, std::string_view message, std::span<const LogField> fields) {
    std::string line = std::to_string(static_cast<int>(level)) + " " + std::string(message);
    for (const LogField& field : fields) line.append(" ").append(field.key).append("=").append(field.value);
    Lines().push_back(line);
  }
  static size_t Count(std::string_view begin, std::string_view part) {
    size_t count = 0;
    for (const std::string& line : Lines()) {
      if (line.starts_with(begin) && line.find(part) != std::string::npos) ++count;
    }
    return count;
  }
};

}  // namespace sheaf::memwatch
