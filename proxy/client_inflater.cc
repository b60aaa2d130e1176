#include "proxy/client_inflater.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "proxy/base/random.h"

namespace sheaf {

ClientInflater::ClientInflater(uint8_t window_bits, bool takeover) : inflater_(window_bits), takeover_(takeover) {}

wire::FrameError ClientInflater::Feed(const wire::FramePiece& piece, uint64_t max_message, std::span<uint8_t> room,
                                      pool::UpstreamStream& stream, WorkerMetrics& metrics) {
  if (piece.starts_message) {
    inflated_ = 0;
    begun_ = false;
    utf8_ = {};
  }
  metrics.inflate_input_bytes_total.Add(piece.payload.size());
  wire::ApplyMask(piece.payload, piece.mask);
  std::span<const uint8_t> input = piece.payload;
  const std::span<uint8_t> output = room.subspan(wire::kMaxFrameHeader);
  for (;;) {
    size_t produced = 0;
    const wire::Inflater::Verdict verdict = inflater_.Step(input, piece.ends_message, output, produced);
    if (verdict == wire::Inflater::Verdict::kError) return wire::FrameError::kProtocol;
    const bool more = verdict == wire::Inflater::Verdict::kOutputFull;
    const bool last = !more && piece.ends_message;
    metrics.inflate_output_bytes_total.Add(produced);
    inflated_ += produced;
    if (inflated_ > max_message) return wire::FrameError::kTooBig;
    if (piece.opcode == wire::Opcode::kText) {
      const wire::FrameError error = CheckText(output.first(produced), last);
      if (error != wire::FrameError::kNone) return error;
    }
    if (produced > 0 || last) Send(room, produced, piece.opcode, last, stream);
    if (more) continue;
    if (!last) return wire::FrameError::kNone;
    metrics.inflate_messages_total.Add();
    if (!takeover_) inflater_.Reset();
    return wire::FrameError::kNone;
  }
}

wire::FrameError ClientInflater::CheckText(std::span<const uint8_t> bytes, bool last) {
  const bool fits = utf8_.Feed(bytes) && (!last || utf8_.complete());
  return fits ? wire::FrameError::kNone : wire::FrameError::kBadUtf8;
}

// A frame of `size` bytes that stand in `room` behind the space for a header.
void ClientInflater::Send(std::span<uint8_t> room, size_t size, wire::Opcode opcode, bool last,
                          pool::UpstreamStream& stream) {
  std::array<uint8_t, 4> key{};
  FillRandom(key);  // RFC 6455 5.3: towards the backend we are the client
  std::string header;
  wire::AppendFrameHeader(header, begun_ ? wire::Opcode::kContinuation : opcode, last, size, key.data());
  wire::FramePiece frame;
  frame.kind = wire::FramePiece::Kind::kData;
  frame.opcode = opcode;
  frame.starts_message = !begun_;
  frame.ends_message = last;
  frame.starts_frame = frame.ends_frame = true;
  frame.wire = room.subspan(wire::kMaxFrameHeader - header.size(), header.size() + size);
  frame.payload = frame.wire.subspan(header.size());
  std::memcpy(&frame.mask, key.data(), key.size());
  std::copy(header.begin(), header.end(), frame.wire.begin());
  wire::ApplyMask(frame.payload, frame.mask);
  stream.SendMessage(frame);
  begun_ = true;
}

}  // namespace sheaf
