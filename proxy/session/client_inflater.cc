#include "proxy/session/client_inflater.h"

#include <array>

#include "proxy/base/random.h"
#include "proxy/wire/frame_in_place.h"

namespace sheaf {

ClientInflater::ClientInflater(uint8_t window_bits) : inflater_(window_bits) {}

wire::FrameError ClientInflater::Feed(const wire::FramePiece& piece, uint64_t max_message, pool::SocketStream& stream,
                                      WorkerMetrics& metrics) {
  if (piece.first) BeginMessage();
  metrics.inflate_input_bytes_total.Add(piece.payload.size());
  wire::ApplyMask(piece.payload, piece.mask);
  std::span<const uint8_t> input = piece.payload;
  for (;;) {
    const std::span<uint8_t> room(room_.get() + wire::kMaxFrameHeader + filled_, kMostPayload - filled_);
    size_t produced = 0;
    const wire::Inflater::Verdict verdict = inflater_.Step(input, piece.last, room, produced);
    if (verdict == wire::Inflater::Verdict::kError) return wire::FrameError::kProtocol;
    const bool full = verdict == wire::Inflater::Verdict::kOutputFull;
    const bool last = !full && piece.last;
    metrics.inflate_output_bytes_total.Add(produced);
    filled_ += produced;
    inflated_ += produced;
    if (inflated_ > max_message) return wire::FrameError::kTooBig;
    if (piece.opcode == wire::Opcode::kText) {
      const wire::FrameError error = CheckText(room.first(produced), last);
      if (error != wire::FrameError::kNone) return error;
    }
    if (full || last) Send(piece.opcode, last, stream);
    if (last) {
      metrics.inflate_messages_total.Add();
      inflater_.Reset();
    }
    if (!full) return wire::FrameError::kNone;
  }
}

void ClientInflater::BeginMessage() {
  if (!room_) room_.reset(new uint8_t[kRoom]);
  inflated_ = filled_ = 0;
  begun_ = false;
  utf8_ = {};
}

wire::FrameError ClientInflater::CheckText(std::span<const uint8_t> bytes, bool last) {
  const bool fits = utf8_.Feed(bytes) && (!last || utf8_.complete());
  return fits ? wire::FrameError::kNone : wire::FrameError::kBadUtf8;
}

// What is in the room, as a frame.
void ClientInflater::Send(wire::Opcode opcode, bool last, pool::SocketStream& stream) {
  std::array<uint8_t, 4> key;
  FillRandom(key);  // towards the backend we are the client
  const std::span<uint8_t> payload(room_.get() + wire::kMaxFrameHeader, filled_);
  const wire::FramePiece frame = wire::MaskedFrameInPlace(payload, opcode, !begun_, last, key);
  stream.SendMessage(frame);
  begun_ = true;
  filled_ = 0;
}

}  // namespace sheaf
