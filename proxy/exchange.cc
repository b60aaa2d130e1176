#include "proxy/exchange.h"

#include <array>
#include <utility>

#include "proxy/error_answer.h"
#include "proxy/worker.h"

namespace sheaf {

Exchange::Exchange(Worker& worker, ExchangeOwner& owner, const RouteOptions& route, ExchangeInfo info)
    : worker_(worker),
      owner_(owner),
      route_(route),
      info_(std::move(info)),
      deadline_(*this),
      started_(worker.loop().now()) {}

void Exchange::Start(pool::UpstreamRequest request) {
  request_ended_ = request.body == wire::BodyKind::kNone;
  worker_.loop().SetDeadline(deadline_, route_.response_timeout);
  stream_ = worker_.pool().Open(std::move(request), *this);
}

void Exchange::OnRequestBody(std::string_view data) {
  request_bytes_ += data.size();
  if (!stream_) return;
  // While the body flows the backend is not late.
  if (!response_begun()) worker_.loop().SetDeadline(deadline_, route_.response_timeout);
  stream_->SendBody(data);
}

void Exchange::OnRequestEnd() {
  request_ended_ = true;
  if (stream_) stream_->FinishBody();
}

void Exchange::OnUpstreamHead(const wire::ResponseHead& head) {
  if (head.status == 101) {
    worker_.loop().CancelDeadline(deadline_);
    status_ = 101;
    owner_.OnExchangeUpgraded(head, std::move(stream_));
    return;
  }
  if (head.status < 200) {
    if (info_.minor_version >= 1) Write(BuildDownstreamHead(head, Framing::kAsIs, false, info_.minor_version));
    return;
  }
  worker_.loop().CancelDeadline(deadline_);
  status_ = head.status;
  framing_ = FramingFor(head, info_.minor_version, info_.method == "HEAD");
  // A final response before the end of the body: what the client still sends cannot be told from a next request.
  close_ = !info_.keep_alive || framing_ == Framing::kUntilClose || !request_ended_ || worker_.draining();
  Write(BuildDownstreamHead(head, framing_, close_, info_.minor_version));
}

void Exchange::Write(std::string_view bytes) {
  owner_.connection().Write(bytes);
}

void Exchange::OnUpstreamBody(std::string_view data) {
  response_bytes_ += data.size();
  if (framing_ != Framing::kChunked) {
    Write(data);
    return;
  }
  Write(wire::ChunkSizeLine(data.size()));
  Write(data);
  Write("\r\n");
}

void Exchange::OnUpstreamEnd() {
  if (framing_ == Framing::kChunked && info_.method != "HEAD") Write(wire::kLastChunk);
  stream_.reset();
  worker_.loop().CancelDeadline(deadline_);
  LogAccess(status_, CloseReason::kDone);
  owner_.OnExchangeDone(close_ || !request_ended_);
}

void Exchange::OnUpstreamBlocked() {
  worker_.metrics().backpressure_pauses_total[Side::kClient].Add();
  owner_.OnUpstreamBlocked();
}

void Exchange::OnUpstreamDrained() {
  if (!response_begun()) worker_.loop().SetDeadline(deadline_, route_.response_timeout);
  owner_.OnUpstreamDrained();
}

void Exchange::OnUpstreamClosed(CloseReason reason) {
  stream_.reset();
  worker_.loop().CancelDeadline(deadline_);
  if (!response_begun()) {
    owner_.OnExchangeRefused(RejectReasonFor(reason));
    return;
  }
  LogAccess(status_, reason == CloseReason::kUpstreamGone ? CloseReason::kUpstreamTruncated : reason);
  owner_.OnExchangeBroken(reason == CloseReason::kUpstreamGone ? CloseReason::kUpstreamTruncated : reason);
}

void Exchange::OnClientBlocked() {
  if (!stream_) return;
  worker_.metrics().backpressure_pauses_total[Side::kUpstream].Add();
  stream_->PauseReading(PauseReason::kPeerFull);
  if (response_begun()) worker_.loop().SetDeadline(deadline_, worker_.options().timeouts.stall);
}

void Exchange::OnClientDrained() {
  if (!stream_) return;
  stream_->ResumeReading(PauseReason::kPeerFull);
  if (response_begun()) worker_.loop().CancelDeadline(deadline_);
}

void Exchange::OnDeadline(net::Deadline& /*deadline*/) {
  if (!response_begun()) {
    stream_.reset();
    owner_.OnExchangeRefused(RejectReason::kUpstreamTimeout);
    return;
  }
  const Duration stalled = owner_.connection().StalledFor();
  const Duration limit = worker_.options().timeouts.stall;
  if (stalled < limit) {
    worker_.loop().SetDeadline(deadline_, limit - stalled);
    return;
  }
  stream_.reset();
  LogAccess(status_, CloseReason::kClientStalled);
  owner_.OnExchangeBroken(CloseReason::kClientStalled);
}

void Exchange::Cancel(CloseReason reason) {
  if (stream_) {
    stream_->Close(reason);
    stream_.reset();
  }
  worker_.loop().CancelDeadline(deadline_);
  // 499 is nginx's and everybody's number for a client that left.
  LogAccess(status_ != 0 ? status_ : 499, reason);
}

void Exchange::LogAccess(int status, CloseReason reason) {
  if (std::exchange(logged_, true)) return;
  worker_.metrics().http_requests_total[StatusClassOf(status)].Add();
  if (!worker_.options().log.access || !LogEnabled(LogLevel::kInfo)) return;
  const auto duration = std::chrono::duration_cast<std::chrono::microseconds>(worker_.loop().now() - started_);
  std::array<char, 32> milliseconds;
  std::snprintf(milliseconds.data(), milliseconds.size(), "%.3f", static_cast<double>(duration.count()) / 1000.0);
  Log(LogKind::kAccess, LogLevel::kInfo, "access",
      {{"client", info_.client},
       {"method", info_.method},
       {"target", info_.target},
       {"protocol", info_.minor_version == 0 ? "HTTP/1.0" : "HTTP/1.1"},
       {"status", std::to_string(status)},
       {"duration_ms", milliseconds.data()},
       {"bytes_in", std::to_string(request_bytes_)},
       {"bytes_out", std::to_string(response_bytes_)},
       {"end", std::string(Describe(reason).label)},
       {"user_agent", info_.user_agent},
       {"request_id", info_.request_id}});
}

}  // namespace sheaf
