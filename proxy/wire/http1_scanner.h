// Finding the end of a head (RFC 9112) that arrives in pieces. No socket, no clock, no log, no exception.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "proxy/base/status.h"

namespace sheaf::wire {

struct HeadLimits {
  size_t max_line = 16 * 1024;  // the request or status line, bytes without CRLF
  size_t max_head = 64 * 1024;  // the whole head, bytes with the empty line
  size_t max_fields = 200;
  bool allow_underscores = false;  // in field names: WSGI and CGI read X_Y and X-Y as one name
};

// Finds the end of a head that arrives in pieces, in linear time, and refuses early what no later byte can mend:
// bare LF, bare CR, NUL, a folded field, a first line without a version, a line or head over its limit. Empty lines
// before a request line are skipped by the caller (SkippableEmptyLines).
class HeadScanner {
 public:
  enum class Verdict : uint8_t { kNeedMore, kComplete, kRefuse };

  // `bytes`: all of the head received so far, from its first byte; earlier bytes are not looked at again.
  Verdict Scan(std::string_view bytes, const HeadLimits& limits);

  size_t head_size() const { return position_; }     // after kComplete: bytes of the head, empty line included
  RefuseReason reason() const { return reason_; }    // after kRefuse
  size_t line_start() const { return line_start_; }  // after kRefuse: where the refused line begins
  void Reset() { *this = HeadScanner(); }

 private:
  std::optional<RefuseReason> CheckPartOfLine(std::string_view bytes, size_t end, bool has_end,
                                              const HeadLimits& limits) const;

  size_t position_ = 0;
  size_t line_start_ = 0;
  bool first_line_ = true;
  RefuseReason reason_ = RefuseReason::kBadRequestLine;
};

// Bytes of the empty lines (CRLF) in front of a request. RFC 9112 2.2 asks servers to ignore at least one; nginx,
// HAProxy and llhttp ignore any number.
size_t SkippableEmptyLines(std::string_view bytes);

}  // namespace sheaf::wire
