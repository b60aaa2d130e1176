#include "pool/tunnel_stream.h"

#include <utility>

#include "pool/tunnel_codec.h"

namespace sheaf::pool {

TunnelStream::TunnelStream(TunnelCodec& codec) : codec_(&codec) {
  static_assert(sizeof(TunnelStream) <= 24, "an idle session's budget");
  codec.Attach(*this);
}

TunnelStream::~TunnelStream() {
  Close(CloseReason::kDone);
}

void TunnelStream::Close(CloseReason /*reason*/) {
  if (codec_ != nullptr) std::exchange(codec_, nullptr)->Detach();
}

const Endpoint* TunnelStream::endpoint() const {
  return codec_ != nullptr ? codec_->endpoint() : nullptr;
}

SocketStream::LinkUse TunnelStream::link_use() const {
  return {.shared = false, .reused = codec_ != nullptr && codec_->reused()};
}

void TunnelStream::AllowRuns() {
  if (codec_ != nullptr) codec_->AllowRuns();
}

void TunnelStream::SendMessage(const wire::FramePiece& piece) {
  if (codec_ != nullptr) codec_->SendMessage(piece);
}

bool TunnelStream::SendClose(uint16_t code, std::string_view reason) {
  return codec_ != nullptr && codec_->SendClose(code, reason);
}

void TunnelStream::PauseReading(PauseReason reason) {
  if (codec_ != nullptr) codec_->connection().PauseReading(reason);
}

void TunnelStream::ResumeReading(PauseReason reason) {
  if (codec_ != nullptr) codec_->connection().ResumeReading(reason);
}

void TunnelStream::DeferReading(size_t bytes) {
  if (codec_ != nullptr) codec_->connection().DeferReading(bytes);
}

void TunnelStream::ReadNow() {
  if (codec_ != nullptr) codec_->connection().ReadNow();
}

}  // namespace sheaf::pool
