// The compressed frames of one session that no other session can share: those of its own context, and those of a
// message that is too large to be gathered and goes out piece by piece. All others come from the worker's
// batching::Cohorts.
//
// One thread only.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "proxy/wire/message.h"
#include "proxy/wire/ws_deflate.h"

namespace sheaf {

class MessageCompressor {
 public:
  // `takeover`: the context lives on between messages.
  MessageCompressor(uint8_t window_bits, bool takeover, const wire::DeflateEffort& effort);

  // The client has got these bytes last, so the next message may refer to them. Before the first message. A failure
  // shows in Append.
  void Prime(std::span<const uint8_t> bytes);

  // Appends the next frames of a message to `out`: none when zlib holds all of it back. `first` and `last`: `payload`
  // begins, ends the message. Returns the size of their payload; nullopt when memory cannot be had.
  [[nodiscard]] std::optional<size_t> Append(wire::Opcode opcode, std::span<const uint8_t> payload, bool first,
                                             bool last, std::string& out);

 private:
  wire::Deflater deflater_;
  const bool takeover_;
  bool begun_ = false;  // a frame of the message has been appended
};

}  // namespace sheaf
