// Frames for a client made of payloads that came with another header: the frame's header takes the place of that one,
// so that not a byte of the payload is moved.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "proxy/wire/ws_frame.h"

namespace sheaf::wire {

inline constexpr size_t kMostInPlace = UINT16_MAX;  // bytes of payload
inline constexpr size_t kRoomInFront = 4;

// The unmasked frame of a message, or of one of its parts, with `payload` in it: at most kMostInPlace bytes, in front
// of which kRoomInFront bytes are written to.
FramePiece FrameInPlace(std::span<uint8_t> payload, Opcode opcode, bool first, bool last);

// A client's frame that lies whole in a run (MessagePart::before).
struct RunFrame {
  Opcode opcode;
  std::span<const uint8_t> payload;
  uint32_t mask;  // in memory order
};

// Takes the frame in front off `run`, which is not empty. What a FrameDecoder has found is not checked again.
RunFrame TakeFromRun(std::span<const uint8_t>& run);

}  // namespace sheaf::wire
