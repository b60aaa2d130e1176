// The four envelopes of envelopes.md: from messages to the payload of one frame.
//
// Encoders are stateless and shared by all threads. Nothing here knows frames, compression or sessions; see
// frame_cache.h for those.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "batching/escape.h"
#include "batching/message.h"
#include "proxy/base/option_table.h"
#include "proxy/wire/message.h"

namespace sheaf::batching {

// So much of a message's beginning tells whether it may be a look-alike.
inline constexpr size_t kBeginning = 4096;

class Encoder {
 public:
  virtual ~Encoder() = default;

  // What the envelope says of one message.
  struct Verdict {
    bool carriable = false;
    bool look_alike = false;
  };
  virtual Verdict Examine(const Message& message) const = 0;

  // How a message that is too large to be gathered is written; nullopt: as it is, since going by its first kBeginning
  // bytes it is no look-alike.
  virtual std::optional<Escape> EscapeLarge(wire::Opcode opcode, std::string_view beginning) const = 0;

  // Whether two carriable messages may share a frame.
  virtual bool MayShare(const Message& /*a*/, const Message& /*b*/) const { return true; }

  // The type of the frame, and what is appended to `out`: its payload. `messages`: one or more carriable ones that may
  // share a frame, or exactly one look-alike.
  virtual wire::Opcode Encode(std::span<const MessageRef> messages, std::string& out) const = 0;

  // An upper bound of what a batch of `count` messages adds to their own bytes.
  virtual size_t Overhead(size_t count) const = 0;
};

// Lives for ever.
const Encoder& EncoderFor(Envelope envelope);

}  // namespace sheaf::batching
