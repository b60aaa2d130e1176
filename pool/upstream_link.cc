#include "pool/upstream_link.h"

#include <utility>

#include "pool/endpoint_pool.h"
#include "pool/http1_codec.h"
#include "pool/tunnel_codec.h"
#include "pool/tunnel_stream.h"

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

UpstreamLink::UpstreamLink(EndpointPool& pool, TimePoint now) : pool_(pool), created_(now), since_(now) {
  static_assert(sizeof(UpstreamLink) <= 88, "an idle session's budget");
  pool_.Join(*this);
}

UpstreamLink::~UpstreamLink() = default;

bool UpstreamLink::Connect() {
  Endpoint& endpoint = pool_.endpoint();
  target_ = pool_.targets().index();
  connection_ = net::Connection::Connect(pool_.loop(), pool_.targets().current(), endpoint.reach().tls.get(),
                                         endpoint.reach().server_name, pool_.io(), *this);
  return connection_ != nullptr;
}

void UpstreamLink::MoveTo(LinkState state) {
  pool_.Leave(*this);
  if (state_ == LinkState::kActive) {
    if (std::exchange(counts_, false)) pool_.endpoint().EndSession();
    hold_ = Affinity::Hold();
  }
  state_ = state;
  since_ = pool_.loop().now();
  pool_.Join(*this);
}

const Endpoint* UpstreamLink::endpoint() const {
  return &pool_.endpoint();
}

void UpstreamLink::OnConnected() {
  pool_.OnLinkConnected(*this);
}

void UpstreamLink::Lease(PooledStream& stream) {
  MoveTo(LinkState::kActive);
  reused_ = answered_;
  if (!codec_) codec_ = std::make_unique<Http1Codec>(*this, pool_.response_limits(), pool_.response_head());
  // Whoever has a tunnel's codec is not idle again.
  static_cast<RequestCodec&>(*codec_).Attach(stream);
}

std::unique_ptr<SocketStream> UpstreamLink::OpenTunnel(PooledStream& handshake) {
  auto tunnel = std::make_unique<TunnelCodec>(*this, *handshake.upgrade()->frame_limits);
  auto stream = std::make_unique<TunnelStream>(*tunnel);
  counts_ = handshake.TakeSession();
  hold_ = handshake.TakeHold();
  pool_.loop().graveyard().Retire(std::exchange(codec_, std::move(tunnel)));
  return stream;
}

void UpstreamLink::OnBytes(std::span<uint8_t> bytes) {
  switch (state_) {
    case LinkState::kActive:
      if (!std::exchange(answered_, true)) pool_.OnLinkAnswered();
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
      if (!rest.empty()) OnBytes(rest);
      return;
    case Codec::Verdict::kReusable:
      pool_.OnLinkReturned(*this);
      codec_->Finish();
      return;
    case Codec::Verdict::kFinished:
      Close(CloseReason::kDone);
      codec_->Finish();
      return;
    default:
      Fail(ReasonOf(verdict));
  }
}

void UpstreamLink::Fail(CloseReason reason) {
  codec_->ReportFault(pool_.endpoint().url().address, reason);
  if (codec_->SayWhy(reason)) {
    Drain();
  } else {
    Close(reason);
  }
  codec_->Lose(reason);
}

void UpstreamLink::OnEnd(net::ConnectionEnd end) {
  switch (state_) {
    case LinkState::kConnecting: {
      const bool tls = end == net::ConnectionEnd::kTlsFailed;
      pool_.OnConnectFailed(*this, tls ? CloseReason::kUpstreamTlsError : CloseReason::kUpstreamConnectFailed);
      return;
    }
    case LinkState::kActive:
      if (end == net::ConnectionEnd::kEof) {
        Conclude(codec_->OnEnd(), {});
      } else {
        Fail(codec_->lost());
      }
      return;
    case LinkState::kDraining:
      Close(CloseReason::kDone);
      return;
    default:
      pool_.OnLinkLost(*this);
      Close(CloseReason::kUpstreamClosed);
  }
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
  pool_.OnLinkClosed(*this, reason);
}

void UpstreamLink::OnOutputBlocked() {
  if (codec_) codec_->OnUpstreamBlocked();
}

void UpstreamLink::OnOutputDrained() {
  OnOutputEmpty();
  if (codec_) codec_->OnUpstreamDrained();
}

void UpstreamLink::OnOutputEmpty() {
  if (codec_) codec_->OnUpstreamReady();
}

}  // namespace sheaf::pool
