#include "pool/tunnel_codec.h"

#include <array>
#include <utility>

#include "pool/tunnel_stream.h"
#include "proxy/base/bytes.h"
#include "proxy/base/log.h"
#include "proxy/base/random.h"

namespace sheaf::pool {
namespace {

// A client's frames must have a key that nobody can foresee (RFC 6455 5.3). Only for our own Pongs and Closes.
std::array<uint8_t, 4> NewMask() {
  std::array<uint8_t, 4> mask{};
  FillRandom(mask);
  return mask;
}

}  // namespace

TunnelCodec::TunnelCodec(CodecHost& host, const wire::FrameLimits& limits)
    : host_(host), decoder_(wire::FrameSource::kServer, limits) {
  static_assert(sizeof(TunnelCodec) <= 104, "an idle session's budget");
}

Codec::Verdict TunnelCodec::OnBytes(std::span<uint8_t>& bytes) {
  for (;;) {
    const wire::FramePiece piece = runs_ ? decoder_.NextRun(bytes) : decoder_.Next(bytes);
    switch (piece.kind) {
      case wire::FramePiece::Kind::kNeedMore:
        return Verdict::kGoOn;
      case wire::FramePiece::Kind::kData:
        if (!close_received_) stream_->events()->OnUpstreamMessage(piece);
        break;
      case wire::FramePiece::Kind::kPing:
        if (close_received_) break;  // no Pong behind a Close (RFC 6455 5.5.2)
        AnswerPing(piece.payload);
        stream_->events()->OnUpstreamPing();
        break;
      case wire::FramePiece::Kind::kPong:
        break;
      case wire::FramePiece::Kind::kClose:
        if (!close_received_) {
          close_received_ = true;
          stream_->events()->OnUpstreamClose(piece.close_code, AsText(piece.payload));
        }
        break;
      case wire::FramePiece::Kind::kError:
        error_ = piece.error;
        return piece.error == wire::FrameError::kTooBig ? Verdict::kMessageTooBig : Verdict::kBroken;
    }
    if (stream_ == nullptr) return Verdict::kClosed;
  }
}

void TunnelCodec::Detach() {
  stream_ = nullptr;
  host_.Drain();
}

SocketEvents* TunnelCodec::Leave() {
  TunnelStream& stream = *std::exchange(stream_, nullptr);
  stream.Leave();
  return stream.events();
}

void TunnelCodec::Finish() {
  if (SocketEvents* told = Leave()) told->OnUpstreamEnd();
}

void TunnelCodec::Lose(CloseReason reason) {
  if (SocketEvents* told = Leave()) told->OnUpstreamClosed(reason);
}

void TunnelCodec::OnUpstreamBlocked() {
  if (stream_ != nullptr) stream_->events()->OnUpstreamBlocked();
}

void TunnelCodec::OnUpstreamDrained() {
  if (stream_ != nullptr) stream_->events()->OnUpstreamDrained();
}

void TunnelCodec::ReportFault(std::string_view upstream, CloseReason reason) const {
  if (error_ == wire::FrameError::kNone) return;
  Log(LogLevel::kWarning,
      reason == CloseReason::kUpstreamMessageTooBig ? Describe(reason).text
                                                    : "the backend broke the WebSocket protocol",
      {{"upstream", upstream}, {"cause", fault().cause}});
}

bool TunnelCodec::SayWhy(CloseReason reason) {
  return reason != CloseReason::kUpstreamGone && SendClose(fault().close_code, Describe(reason).text);
}

Fault TunnelCodec::fault() const {
  switch (error_) {
    case wire::FrameError::kNone:
      return {};
    case wire::FrameError::kBadUtf8:
      return {"bad_utf8", "", 1007};
    case wire::FrameError::kTooBig:
      return {"message_too_big", "", 1009};
    case wire::FrameError::kTooManyParts:
    case wire::FrameError::kProtocol:
      break;
  }
  return {"bad_frame", ""};
}

void TunnelCodec::AnswerPing(std::span<const uint8_t> payload) {
  if (close_sent_) return;
  std::string pong;
  const std::array<uint8_t, 4> mask = NewMask();
  wire::AppendControlFrame(pong, wire::Opcode::kPong, AsText(payload), mask.data());
  if (mid_frame_ || host_.upstream_full()) {
    // Only the latest ping needs an answer (RFC 6455 5.5.3): a backend that does not read gets no queue of them.
    pending_pong_ = std::make_unique<std::string>(std::move(pong));
  } else {
    host_.WriteUpstream(AsBytes(pong));
  }
}

void TunnelCodec::SendMessage(const wire::FramePiece& piece) {
  if (close_sent_) return;
  host_.WriteUpstream(piece.wire);
  mid_frame_ = !piece.ends_frame;
  // Also while the connection is full: frames may follow each other for long before it is empty.
  if (pending_pong_) SendPendingPong();
}

void TunnelCodec::SendPendingPong() {
  if (mid_frame_ || close_sent_) return;
  host_.WriteUpstream(AsBytes(*pending_pong_));
  pending_pong_.reset();
}

bool TunnelCodec::SendClose(uint16_t code, std::string_view reason) {
  // In the middle of a frame there is no place for a Close; the end of the connection must say it.
  if (close_sent_ || mid_frame_) return false;
  close_sent_ = true;
  std::string frame;
  const std::array<uint8_t, 4> mask = NewMask();
  wire::AppendCloseFrame(frame, code, reason, mask.data());
  host_.WriteUpstream(AsBytes(frame));
  return true;
}

}  // namespace sheaf::pool
