// Frames made of payloads where these lie: the header is written into the place in front, so that not a byte of the
// payload is moved.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "proxy/wire/ws_frame.h"

namespace sheaf::wire {

inline constexpr size_t kMostInPlace = UINT16_MAX;  // bytes of payload
inline constexpr size_t kRoomInFront = 4;

// The unmasked frame, for a client, of a message, or of one of its parts, with `payload` in it: at most kMostInPlace
// bytes, in front of which kRoomInFront bytes are written to.
FramePiece FrameInPlace(std::span<uint8_t> payload, Opcode opcode, bool first, bool last);

// The same for a frame that goes to a backend, of whom we are a client: under `key`, by which the payload is changed in
// place (RFC 6455 5.3). In front of it kMaxFrameHeader bytes are written to at most; it may have any size.
FramePiece MaskedFrameInPlace(std::span<uint8_t> payload, Opcode opcode, bool first, bool last,
                              const std::array<uint8_t, 4>& key);

}  // namespace sheaf::wire
