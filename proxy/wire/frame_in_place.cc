#include "proxy/wire/frame_in_place.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <string>

namespace sheaf::wire {
namespace {

constexpr uint8_t kFin = 0x80;
constexpr uint8_t kTwoBytesFollow = 126;  // of the length
constexpr size_t kShort = 2;              // bytes of a header without them

FramePiece WholeFrame(std::span<uint8_t> wire, std::span<uint8_t> payload, Opcode opcode, bool first, bool last) {
  FramePiece piece;
  piece.kind = FramePiece::Kind::kData;
  piece.wire = wire;
  piece.payload = payload;
  piece.opcode = opcode;
  piece.first = first;
  piece.last = last;
  piece.starts_frame = piece.ends_frame = true;
  return piece;
}

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
  return WholeFrame({start, header + payload.size()}, payload, opcode, first, last);
}

FramePiece MaskedFrameInPlace(std::span<uint8_t> payload, Opcode opcode, bool first, bool last,
                              const std::array<uint8_t, 4>& key) {
  std::string header;
  AppendFrameHeader(header, first ? opcode : Opcode::kContinuation, last, payload.size(), key.data());
  uint8_t* const start = payload.data() - header.size();
  std::copy(header.begin(), header.end(), start);
  FramePiece piece = WholeFrame({start, header.size() + payload.size()}, payload, opcode, first, last);
  std::memcpy(&piece.mask, key.data(), key.size());
  ApplyMask(payload, piece.mask);
  return piece;
}

}  // namespace sheaf::wire
