// A small file in which the kernel publishes numbers, read again and again through one descriptor.
//
//   SampledFile file("/sys/fs/cgroup/memory.max");
//   const Sample limit = file.ReadNumber();
//   if (!limit.value) file.Report(limit.oddity, "no limit");
//
// The file is opened at construction and not looked for again. Reading allocates nothing: one pread into a buffer on
// the stack, of the first kMostBytes. Owns its descriptor; move-only; one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sheaf::memwatch {

// What a file can have instead of the number wanted of it.
enum class Oddity : uint8_t { kNone, kMissing, kUnreadable, kEmpty, kMax, kNegative, kText, kZero, kTooLarge, kNoLine };

struct Sample {
  std::optional<uint64_t> value;
  Oddity oddity = Oddity::kNone;  // why there is no value
};

// A decimal number with blanks around it. One that 63 bits do not hold is the largest that they hold: the kernel means
// "without bound" by such numbers. The word "max" is kMax.
Sample ParseSample(std::string_view text);

// The number after the word `key` at the beginning of a line ("sock 4096", "MemTotal:   16 kB"), whatever follows it.
Sample ParseLine(std::string_view text, std::string_view key);

class SampledFile {
 public:
  // memory.stat and /proc/meminfo have about 2 KiB.
  static constexpr size_t kMostBytes = 8192;

  explicit SampledFile(std::string path);
  SampledFile(SampledFile&& other) noexcept;
  SampledFile& operator=(SampledFile&&) = delete;
  ~SampledFile();

  const std::string& path() const { return path_; }
  bool exists() const { return open_error_ != kNoSuchFile; }

  // What the file has now: the text is in `buffer`. kNone with an empty text is an empty file.
  Oddity Read(std::span<char> buffer, std::string_view& text) const;

  // What the file has now, as one number.
  Sample ReadNumber() const;

  // One log line for each kind of oddity in the life of this object, that it was met and what it is taken for: a
  // warning, or a debug line where it is nothing unusual (`expected`).
  void Report(Oddity oddity, std::string_view taken_for, bool expected = false);

 private:
  static constexpr int kNoSuchFile = 2;  // ENOENT

  std::string path_;
  int descriptor_ = -1;
  int open_error_ = 0;
  uint16_t reported_ = 0;  // a bit for each Oddity
};

}  // namespace sheaf::memwatch
