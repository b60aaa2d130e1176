#include "memwatch/sampled_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <limits>
#include <utility>

#include "proxy/base/log.h"
#include "proxy/base/units.h"

namespace sheaf::memwatch {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";
constexpr auto kLargest = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());

std::string_view WithoutBlanks(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::string_view Describe(Oddity oddity) {
  static constexpr std::array<std::string_view, 10> kTexts = {"a number",
                                                              "no such file",
                                                              "it cannot be read",
                                                              "empty",
                                                              "max",
                                                              "a negative number",
                                                              "text",
                                                              "0",
                                                              "more than the machine has",
                                                              "no line with the number"};
  return kTexts[static_cast<size_t>(oddity)];
}

}  // namespace

Sample ParseSample(std::string_view text) {
  const std::string_view word = WithoutBlanks(text);
  if (word.empty()) return {std::nullopt, Oddity::kEmpty};
  if (word == "max") return {std::nullopt, Oddity::kMax};
  const bool negative = word.front() == '-';
  const std::string_view digits = negative ? word.substr(1) : word;
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos) {
    return {std::nullopt, Oddity::kText};
  }
  if (negative) return {std::nullopt, Oddity::kNegative};
  return {ParseNumber(digits).value_or(kLargest), Oddity::kNone};
}

Sample ParseLine(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!line.starts_with(key)) continue;
    line.remove_prefix(key.size());
    if (!line.starts_with(' ') && !line.starts_with('\t')) continue;
    line = WithoutBlanks(line);
    return ParseSample(line.substr(0, line.find_first_of(kBlanks)));
  }
  return {std::nullopt, Oddity::kNoLine};
}

SampledFile::SampledFile(std::string path) : path_(std::move(path)) {
  static_assert(kNoSuchFile == ENOENT);
  descriptor_ = open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0) open_error_ = errno;
}

SampledFile::SampledFile(SampledFile&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      open_error_(other.open_error_),
      reported_(other.reported_) {}

SampledFile::~SampledFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

Oddity SampledFile::Read(std::span<char> buffer, std::string_view& text) const {
  text = {};
  if (descriptor_ < 0) return exists() ? Oddity::kUnreadable : Oddity::kMissing;
  ssize_t size = 0;
  do {
    size = pread(descriptor_, buffer.data(), buffer.size(), 0);
  } while (size < 0 && errno == EINTR);
  if (size < 0) return Oddity::kUnreadable;
  text = {buffer.data(), static_cast<size_t>(size)};
  return Oddity::kNone;
}

Sample SampledFile::ReadNumber() const {
  std::array<char, 64> buffer;
  std::string_view text;
  const Oddity oddity = Read(buffer, text);
  return oddity == Oddity::kNone ? ParseSample(text) : Sample{std::nullopt, oddity};
}

void SampledFile::Report(Oddity oddity, std::string_view taken_for, bool expected) {
  const auto bit = static_cast<uint16_t>(1U << static_cast<unsigned>(oddity));
  if ((reported_ & bit) != 0) return;
  reported_ = static_cast<uint16_t>(reported_ | bit);
  const LogLevel level = expected ? LogLevel::kDebug : LogLevel::kWarning;
  if (!LogEnabled(level)) return;
  Log(level, "a memory file has no usable number",
      {{"file", path_}, {"found", Describe(oddity)}, {"taken_for", taken_for}});
}

}  // namespace sheaf::memwatch
