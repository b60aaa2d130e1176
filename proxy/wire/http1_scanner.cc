#include "proxy/wire/http1_scanner.h"

#include <cstring>

namespace sheaf::wire {
namespace {

size_t FindByte(std::string_view text, char byte, size_t from, size_t to) {
  const void* found = to > from ? std::memchr(text.data() + from, byte, to - from) : nullptr;
  return found == nullptr ? to : static_cast<size_t>(static_cast<const char*>(found) - text.data());
}

}  // namespace

size_t SkippableEmptyLines(std::string_view bytes) {
  size_t size = 0;
  while (bytes.substr(size).starts_with("\r\n")) size += 2;
  return size;
}

HeadScanner::Verdict HeadScanner::Scan(std::string_view bytes, const HeadLimits& limits) {
  while (position_ < bytes.size()) {
    const size_t line_feed = FindByte(bytes, '\n', position_, bytes.size());
    const bool has_end = line_feed < bytes.size();
    if (const auto refusal = CheckPartOfLine(bytes, line_feed, has_end, limits)) {
      reason_ = *refusal;
      return Verdict::kRefuse;
    }
    if (!has_end) {
      // A CR at the very end is looked at again, together with the byte that must be its LF.
      position_ = bytes.back() == '\r' ? bytes.size() - 1 : bytes.size();
      return Verdict::kNeedMore;
    }
    position_ = line_feed + 1;
    const bool empty_line = line_feed - line_start_ == 1;
    line_start_ = position_;
    first_line_ = false;
    if (empty_line) return Verdict::kComplete;
  }
  return Verdict::kNeedMore;
}

// Checks what is known of the line from line_start_ to `end` (its LF if `has_end`, else the last byte received).
std::optional<RefuseReason> HeadScanner::CheckPartOfLine(std::string_view bytes, size_t end, bool has_end,
                                                         const HeadLimits& limits) const {
  const size_t carriage_return = FindByte(bytes, '\r', position_, end);
  if (FindByte(bytes, '\0', position_, end) != end || (carriage_return != end && carriage_return + 1 != end)) {
    return first_line_ ? RefuseReason::kBadRequestLine : RefuseReason::kBadFieldValue;
  }
  if (has_end && carriage_return == end) return RefuseReason::kBareLineFeed;
  if (!first_line_ && (bytes[line_start_] == ' ' || bytes[line_start_] == '\t')) return RefuseReason::kObsoleteFold;

  const size_t line_size = carriage_return - line_start_;
  if (first_line_ && line_size > limits.max_line) return RefuseReason::kLineTooLong;
  if (end + (has_end ? 1 : 0) > limits.max_head) return RefuseReason::kHeadTooLarge;
  // A first line without a version is HTTP/0.9 or nothing of ours; its sender would wait for an answer for ever.
  if (first_line_ && has_end && bytes.substr(line_start_, line_size).find("HTTP/") == std::string_view::npos) {
    return line_size == 0 ? RefuseReason::kBadRequestLine : RefuseReason::kBadVersion;
  }
  return std::nullopt;
}

}  // namespace sheaf::wire
