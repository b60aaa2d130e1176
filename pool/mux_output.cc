#include "pool/mux_output.h"

#include <array>
#include <utility>

#include "proxy/base/bytes.h"
#include "proxy/base/random.h"
#include "proxy/wire/frame_in_place.h"

namespace sheaf::pool {

void MuxOutput::SetWindow(uint32_t bytes) {
  counts_ = bytes != 0;
  credit_ = counts_ ? bytes : 1;
}

bool MuxOutput::AddCredit(uint32_t bytes) {
  if (!counts_) return true;
  credit_ += bytes;
  return credit_ <= INT32_MAX;
}

void MuxOutput::Count(size_t bytes) {
  if (counts_) credit_ -= static_cast<int64_t>(bytes);
}

std::string& MuxOutput::records() {
  if (frame_.empty()) frame_.resize(wire::kMaxFrameHeader);
  return frame_;
}

void MuxOutput::Added() {
  metrics_.mux_records_sent_total.Add();
  if (size() >= kLongFrame) return Flush();
  if (!std::exchange(told_, true)) events_.OnMuxOutput();
}

void MuxOutput::AddedOpen(size_t bytes) {
  Count(bytes);
  Added();
}

void MuxOutput::AddData(wire::MuxType type, bool more, uint32_t stream, std::span<const uint8_t> payload,
                        uint32_t mask) {
  std::string& out = records();
  std::array<uint8_t, wire::kMuxHeader> header;
  wire::WriteMuxHeader(header.data(), type, more ? wire::kMuxMore : uint8_t{0}, stream, payload.size());
  out.append(AsText(header));
  const size_t begin = out.size();
  out.append(AsText(payload));
  if (mask != 0) wire::ApplyMask({reinterpret_cast<uint8_t*>(out.data()) + begin, payload.size()}, mask);
  Count(wire::MuxCharge(payload.size()));
  Added();
}

void MuxOutput::Flush() {
  told_ = false;
  if (empty()) return;
  std::array<uint8_t, 4> key;
  FillRandom(key);  // towards the backend we are a client
  const std::span<uint8_t> all(reinterpret_cast<uint8_t*>(frame_.data()), frame_.size());
  const wire::FramePiece frame =
      wire::MaskedFrameInPlace(all.subspan(wire::kMaxFrameHeader), wire::Opcode::kBinary, true, true, key);
  metrics_.mux_frames_sent_total.Add();
  if (socket_ != nullptr) socket_->SendMessage(frame);
  if (frame_.capacity() > kKeepCapacity) frame_ = std::string();
  frame_.clear();
}

}  // namespace sheaf::pool
