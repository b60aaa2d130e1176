// What the downstream side deals in: messages of a WebSocket, in the parts that they come in. A message that is held
// whole, and shared by many sessions, is a batching::MessageRef (batching/message.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace sheaf::wire {

enum class Opcode : uint8_t { kContinuation = 0x0, kText = 0x1, kBinary = 0x2, kClose = 0x8, kPing = 0x9, kPong = 0xA };

// A part of a message. The views are valid as long as the bytes that they were taken from.
struct MessagePart {
  // What lies in `wire` in front of this part, where it is whole messages in one frame each: a run. Only for those who
  // ask for runs; everything else said of the part is of the last message alone.
  struct Before {
    uint32_t messages = 0;
    uint32_t bytes = 0;  // of their payload
  };

  // The frame that this part came as, or the piece of one: its header too where it begins the frame. Forwarded
  // verbatim.
  std::span<uint8_t> wire;
  // The payload within `wire`, still masked if a client sent it.
  std::span<uint8_t> payload;
  uint32_t mask = 0;  // key in memory order, rotated so that byte 0 of `payload` meets byte 0 of the key; 0: unmasked
  Opcode opcode = Opcode::kText;  // kText or kBinary, on continuation frames too
  bool first = false;             // holds the first byte of its message
  bool last = false;              // holds the last byte of its message
  bool ends_frame = false;        // `wire` ends a frame
  Before before{};
  // Not 0: a whole message that others get, too, in this moment, each under this number. No two messages of a process
  // have the same.
  uint64_t broadcast = 0;

  // Of all that lies in `wire`: the messages and frames that end in it, and the bytes of payload.
  uint32_t messages() const { return before.messages + (last ? 1 : 0); }
  uint32_t frames() const { return before.messages + (ends_frame ? 1 : 0); }
  size_t bytes() const { return before.bytes + payload.size(); }
};

}  // namespace sheaf::wire
