#include "pool/upstream_link.h"

#include <utility>

#include "pool/http1_codec.h"
#include "pool/tunnel_codec.h"
#include "pool/upstream.h"
#include "proxy/base/log.h"

namespace sheaf::pool {
namespace {

CloseReason ReasonOf(Codec::Verdict verdict) {
  switch (verdict) {
    case Codec::Verdict::kTruncated:
      return CloseReason::kUpstreamTruncated;
    case Codec::Verdict::kMessageTooBig:
      return CloseReason::kUpstreamMessageTooBig;
    case Codec::Verdict::kGone:
      return CloseReason::kUpstreamGone;
    default:
      return CloseReason::kUpstreamProtocolError;
  }
}

}  // namespace

UpstreamLink::UpstreamLink(Upstream& upstream, TimePoint now) : upstream_(upstream), created_(now), since_(now) {
  static_assert(sizeof(UpstreamLink) <= 144, "an idle session's budget");
  upstream_.list(state_).PushBack(*this);
}

UpstreamLink::~UpstreamLink() = default;

bool UpstreamLink::Connect() {
  Endpoint& endpoint = upstream_.endpoint();
  target_ = upstream_.targets().index();
  connection_ = net::Connection::Connect(upstream_.loop(), upstream_.targets().current(), endpoint.tls(),
                                         endpoint.server_name(), upstream_.io(), *this);
  return connection_ != nullptr;
}

void UpstreamLink::MoveTo(LinkState state) {
  upstream_.list(state_).Remove(*this);
  state_ = state;
  since_ = upstream_.loop().now();
  upstream_.list(state_).PushBack(*this);
}

UpstreamEvents* UpstreamLink::events() {
  return stream_ == nullptr ? nullptr : stream_->events_;
}

void UpstreamLink::OnConnected() {
  upstream_.OnLinkConnected(*this);
}

void UpstreamLink::Lease(PooledStream& stream) {
  stream_ = &stream;
  stream.link_ = this;
  MoveTo(LinkState::kActive);
  auto codec =
      std::make_unique<Http1Codec>(*this, *stream.request_, upstream_.response_limits(), upstream_.response_head());
  codec->Start();
  codec_ = std::move(codec);
}

void UpstreamLink::OnBytes(std::span<uint8_t> bytes) {
  switch (state_) {
    case LinkState::kActive:
      if (!std::exchange(answered_, true)) upstream_.OnLinkAnswered();
      if (const Codec::Verdict verdict = codec_->OnBytes(bytes); verdict != Codec::Verdict::kGoOn) {
        Conclude(verdict, bytes);
      }
      break;
    case LinkState::kDraining:
      break;  // nobody is there any more who could take it
    default:
      Close(CloseReason::kUpstreamProtocolError);  // a backend has nothing to say before it is asked
  }
}

void UpstreamLink::Conclude(Codec::Verdict verdict, std::span<uint8_t> rest) {
  switch (verdict) {
    case Codec::Verdict::kGoOn:
    case Codec::Verdict::kClosed:
      return;
    case Codec::Verdict::kUpgraded:
      Upgrade(rest);
      return;
    case Codec::Verdict::kReusable:
    case Codec::Verdict::kFinished: {
      PooledStream& stream = *std::exchange(stream_, nullptr);
      stream.link_ = nullptr;
      if (verdict == Codec::Verdict::kReusable) {
        codec_.reset();
        upstream_.OnLinkReturned(*this);
      } else {
        Close(CloseReason::kDone);
      }
      stream.events_->OnUpstreamEnd();
      return;
    }
    default:
      Fail(ReasonOf(verdict));
  }
}

void UpstreamLink::Upgrade(std::span<uint8_t> rest) {
  // The tunnel stands before anybody hears of it: the new session may send at once. The old codec and the request live
  // on until then, since the head's views point into them.
  const std::unique_ptr<Codec> handshake =
      std::exchange(codec_, std::make_unique<TunnelCodec>(*this, *stream_->request_->frame_limits));
  const std::unique_ptr<UpstreamRequest> request = std::move(stream_->request_);
  stream_->events_->OnUpstreamHead(upstream_.response_head());
  if (stream_ != nullptr && !rest.empty()) OnBytes(rest);
}

void UpstreamLink::Fail(CloseReason reason) {
  PooledStream& stream = *std::exchange(stream_, nullptr);
  stream.link_ = nullptr;
  const bool untouched = codec_->untouched();
  const Fault fault = codec_->fault();
  LogFault(reason, fault, stream);
  const bool told = reason != CloseReason::kUpstreamGone && codec_->SendClose(fault.close_code, Describe(reason).text);
  if (told) {
    Drain();
  } else {
    Close(reason);
  }
  if (untouched && reason == CloseReason::kUpstreamGone && upstream_.Retry(stream)) return;
  stream.events_->OnUpstreamClosed(reason);
}

// One line a fault of the backend: what is wrong, and what was seen. The sink escapes both.
void UpstreamLink::LogFault(CloseReason reason, const Fault& fault, const PooledStream& stream) const {
  if (fault.cause.empty()) return;
  const UpstreamRequest* request = stream.request_.get();
  const std::string_view of_tunnel = reason == CloseReason::kUpstreamMessageTooBig
                                         ? Describe(reason).text
                                         : "the backend broke the WebSocket protocol";
  Log(LogLevel::kWarning, request != nullptr ? "the backend's answer is not valid" : of_tunnel,
      {{"upstream", upstream_.endpoint().url().address},
       {"cause", fault.cause},
       {"seen", fault.seen},
       {"request", request != nullptr ? request->Summary(upstream_.log_options().path) : ""},
       {"request_id", request != nullptr ? request->request_id : ""}});
}

void UpstreamLink::OnEnd(net::ConnectionEnd end) {
  switch (state_) {
    case LinkState::kConnecting: {
      const bool tls = end == net::ConnectionEnd::kTlsFailed;
      upstream_.OnConnectFailed(*this, tls ? CloseReason::kUpstreamTlsError : CloseReason::kUpstreamConnectFailed);
      return;
    }
    case LinkState::kActive:
      if (end == net::ConnectionEnd::kEof) {
        Conclude(codec_->OnEnd(), {});
      } else {
        Fail(codec_->untouched() || codec_->finishes_in_order() ? CloseReason::kUpstreamGone
                                                                : CloseReason::kUpstreamTruncated);
      }
      return;
    case LinkState::kDraining:
      Close(CloseReason::kDone);
      return;
    default:
      upstream_.OnLinkLost(*this);
      Close(CloseReason::kUpstreamClosed);
  }
}

void UpstreamLink::Abandon(CloseReason reason) {
  stream_->link_ = nullptr;
  stream_ = nullptr;
  if (!codec_->finishes_in_order()) {
    Close(reason);
    return;
  }
  Drain();
}

void UpstreamLink::Drain() {
  // The codec stays: this may be a callback from within it.
  MoveTo(LinkState::kDraining);
  connection_->ResumeReading(PauseReason::kPeerFull);
  connection_->DiscardInput();
  // The port number then waits out TIME_WAIT at the backend's end, not at ours, where there are only so many.
  if (!codec_->all_is_said()) connection_->FinishWriting();
}

void UpstreamLink::Close(CloseReason reason) {
  if (closed_) return;
  closed_ = true;
  if (connection_) connection_->Close();
  upstream_.OnLinkClosed(*this, reason);
}

void UpstreamLink::OnOutputBlocked() {
  if (UpstreamEvents* told = events()) told->OnUpstreamBlocked();
}

void UpstreamLink::OnOutputDrained() {
  OnOutputEmpty();
  if (UpstreamEvents* told = events()) told->OnUpstreamDrained();
}

void UpstreamLink::OnOutputEmpty() {
  if (codec_) codec_->OnUpstreamReady();
}

}  // namespace sheaf::pool
