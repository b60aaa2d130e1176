// What the encoders of envelopes.md share. For batching/envelope_*.cc only.
#pragma once

#include <charconv>
#include <cstddef>
#include <span>
#include <string>

#include "batching/encoder.h"

namespace sheaf::batching {

inline constexpr size_t kMaxCountSize = 20;  // of a decimal number of messages

inline void AppendCount(std::string& out, size_t count) {
  char digits[kMaxCountSize];
  out.append(digits, std::to_chars(digits, digits + kMaxCountSize, count).ptr);
}

// Makes room for a batch's frame at once.
inline void ReserveFrame(const Encoder& encoder, std::span<const MessageRef> messages, std::string& out) {
  size_t size = out.size() + encoder.Overhead(messages.size());
  for (const MessageRef& message : messages) size += message->size();
  out.reserve(size);
}

}  // namespace sheaf::batching
