#include "proxy/wire/frame_in_place.h"

#include <cassert>
#include <cstring>

namespace sheaf::wire {
namespace {

constexpr uint8_t kFin = 0x80;
constexpr uint8_t kTwoBytesFollow = 126;  // of the length
constexpr size_t kShort = 2;              // bytes of a header without them
constexpr size_t kMaskSize = 4;

}  // namespace

FramePiece FrameInPlace(std::span<uint8_t> payload, Opcode opcode, bool first, bool last) {
  assert(payload.size() <= kMostInPlace);
  const bool is_short = payload.size() < kTwoBytesFollow;
  const size_t header = is_short ? kShort : kRoomInFront;
  uint8_t* const start = payload.data() - header;
  start[0] = static_cast<uint8_t>((last ? kFin : 0) | static_cast<uint8_t>(first ? opcode : Opcode::kContinuation));
  if (is_short) {
    start[1] = static_cast<uint8_t>(payload.size());
  } else {
    start[1] = kTwoBytesFollow;
    start[2] = static_cast<uint8_t>(payload.size() >> 8);
    start[3] = static_cast<uint8_t>(payload.size());
  }
  FramePiece piece;
  piece.kind = FramePiece::Kind::kData;
  piece.wire = {start, header + payload.size()};
  piece.payload = payload;
  piece.opcode = opcode;
  piece.first = first;
  piece.last = last;
  piece.starts_frame = piece.ends_frame = true;
  return piece;
}

RunFrame TakeFromRun(std::span<const uint8_t>& run) {
  size_t length = run[1] & 0x7F;
  size_t header = kShort;
  if (length == kTwoBytesFollow) {
    length = size_t{run[2]} << 8 | run[3];
    header = kRoomInFront;
  }
  RunFrame frame{static_cast<Opcode>(run[0] & 0x0F), run.subspan(header + kMaskSize, length), 0};
  std::memcpy(&frame.mask, run.data() + header, kMaskSize);
  run = run.subspan(header + kMaskSize + length);
  return frame;
}

}  // namespace sheaf::wire
