// Incremental UTF-8 validation (RFC 3629) that fails at the first byte which no continuation can mend (RFC 6455 8.1).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace sheaf::wire {

// State of one text that arrives in pieces. With SSE2 it is read in blocks of 16 bytes, and ASCII in two at once.
class Utf8Checker {
 public:
  // Returns false as soon as the text cannot be UTF-8 any more.
  [[nodiscard]] bool Feed(std::span<const uint8_t> bytes) { return Feed(bytes, 0); }
  // The same on masked bytes: they are read through `mask` (memory order, aligned to byte 0 of `bytes`), never changed.
  [[nodiscard]] bool Feed(std::span<const uint8_t> bytes, uint32_t mask);

  // The text may end here: no character is half received.
  bool complete() const { return state_ == 0; }

 private:
  uint32_t state_ = 0;
};

// With U+FFFD for each byte that is no part of UTF-8.
std::string ValidUtf8(std::string_view text);

}  // namespace sheaf::wire
