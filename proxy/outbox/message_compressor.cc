#include "proxy/outbox/message_compressor.h"

#include "proxy/wire/ws_frame.h"

namespace sheaf {

MessageCompressor::MessageCompressor(uint8_t window_bits, bool takeover, const wire::DeflateEffort& effort)
    : deflater_(window_bits, effort), takeover_(takeover) {}

void MessageCompressor::Prime(std::span<const uint8_t> bytes) {
  static_cast<void>(deflater_.Prime(bytes));
}

std::optional<size_t> MessageCompressor::Append(wire::Opcode opcode, std::span<const uint8_t> payload, bool first,
                                                bool last, std::string& out) {
  if (first) begun_ = false;
  std::string compressed;
  if (!deflater_.Compress(payload, last, compressed)) return std::nullopt;
  if (last && !takeover_) deflater_.Reset();
  if (compressed.empty()) return 0;
  // RSV1 marks the message, so it stands on its first frame alone (RFC 7692 6).
  wire::AppendFrameHeader(out, begun_ ? wire::Opcode::kContinuation : opcode, last, compressed.size(), nullptr,
                          !begun_);
  out.append(compressed);
  begun_ = true;
  return compressed.size();
}

}  // namespace sheaf
