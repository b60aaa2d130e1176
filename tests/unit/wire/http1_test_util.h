// What the HTTP/1.x tests share: feeding bytes the way a network does, at every place where they can be cut.
#pragma once

#include <doctest/doctest.h>

#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/wire/http1.h"

namespace sheaf {

inline doctest::String toString(RefuseReason reason) {
  return {Describe(reason).label.data(), static_cast<unsigned>(Describe(reason).label.size())};
}

inline doctest::String toString(const std::optional<RefuseReason>& reason) {
  return reason ? toString(*reason) : doctest::String("accepted");
}

}  // namespace sheaf

namespace sheaf::wire {

// One request with the fields of `extra` (each with its CRLF) and a valid Host.
inline std::string Request(std::string_view line, std::string_view extra = {}) {
  return std::string(line).append("\r\nHost: a.example\r\n").append(extra).append("\r\n");
}

// Feeds a head in two reads cut at `cut`, as a client does, and parses it when it is complete.
inline std::optional<RefuseReason> ParseInTwoReads(std::string_view head, size_t cut, const HeadLimits& limits,
                                                   RequestHead& request) {
  HeadScanner scanner;
  for (const std::string_view received : {head.substr(0, cut), head}) {
    switch (scanner.Scan(received, limits)) {
      case HeadScanner::Verdict::kRefuse:
        return scanner.reason();
      case HeadScanner::Verdict::kComplete:
        return ParseRequestHead(received.substr(0, scanner.head_size()), limits, request);
      case HeadScanner::Verdict::kNeedMore:
        break;
    }
  }
  FAIL("the head never became complete");
  return std::nullopt;
}

// The request's views hold until the next call.
inline std::optional<RefuseReason> Parse(std::string head, RequestHead& request, const HeadLimits& limits = {}) {
  static std::string kept;
  kept = std::move(head);
  return ParseInTwoReads(kept, 0, limits, request);
}

}  // namespace sheaf::wire
