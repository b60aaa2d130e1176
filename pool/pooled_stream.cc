#include "pool/pooled_stream.h"

#include <utility>

#include "pool/codec.h"
#include "pool/http1_codec.h"
#include "pool/upstream.h"

namespace sheaf::pool {

bool HttpRequest::repeatable() const {
  if (body != wire::BodyKind::kNone) return false;
  return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "PUT" || method == "DELETE";
}

PooledStream::PooledStream(Upstream& upstream, HttpRequest request, ResponseEvents& events, uint64_t hash)
    : upstream_(upstream),
      hash_(hash),
      events_(&events),
      opening_(nullptr),
      request_(std::move(request)),
      opened_(upstream.loop().now()) {}

PooledStream::PooledStream(Upstream& upstream, std::shared_ptr<const Upgrade> upgrade, HandshakeEvents& events,
                           uint64_t hash)
    : upstream_(upstream),
      hash_(hash),
      events_(&events),
      opening_(&events),
      upgrade_(std::move(upgrade)),
      opened_(upstream.loop().now()) {
  request_.method = "GET";
}

PooledStream::~PooledStream() {
  Close(CloseReason::kDone);
}

void PooledStream::Close(CloseReason reason) {
  session_ = SessionCount();
  if (carrier_ != nullptr) {
    std::exchange(carrier_, nullptr)->Detach(*this, reason);
  } else if (waiting_hook_.linked()) {
    pool_ != nullptr ? pool_->CancelWaiting(*this) : upstream_.CancelHomeless(*this);
  }
}

void PooledStream::MoveTo(EndpointPool& pool) {
  pool_ = &pool;
  if (counts_) session_ = SessionCount(pool.endpoint());
  pool.endpoint().counters().requests_total.fetch_add(1, std::memory_order_relaxed);
}

void PooledStream::TieTo(EndpointPool& pool) {
  pool_ = &pool;
  tied_ = true;
  counts_ = false;
}

void PooledStream::OnAcquired(WorkerMetrics& metrics, const Acquired& how) {
  reused_ = how.pooled;
  metrics.pool_acquired_total.Add();
  if (how.ready) metrics.pool_ready_total.Add();
  if (how.reused) metrics.pool_reused_total.Add();
  const Duration waited = upstream_.loop().now() - opened_;
  metrics.pool_acquire_seconds.Observe(waited);
  pool_->endpoint().counters().CountAcquire(waited, how.reused);
}

void PooledStream::TellHomeless() {
  events_->OnUpstreamClosed(CloseReason::kUpstreamDrained);
}

EndpointRef PooledStream::endpoint() const {
  return pool_ != nullptr ? pool_->endpoint_ref() : nullptr;
}

void PooledStream::SendBody(std::string_view data) {
  if (carrier_ != nullptr) return carrier_->SendBody(*this, data);
  if (!waiting_hook_.linked()) return;
  // Until there is a connection, what came along with the head waits behind it.
  Http1Codec::AppendBody(request_.head, request_.body, data);
  if (!blocked_ && request_.head.size() > upstream_.loop().marks().high) {
    blocked_ = true;
    events_->OnUpstreamBlocked();
  }
}

void PooledStream::FinishBody() {
  if (carrier_ != nullptr) return carrier_->FinishBody(*this);
  if (!waiting_hook_.linked() || request_.body_finished) return;
  request_.body_finished = true;
  Http1Codec::AppendBodyEnd(request_.head, request_.body);
}

void PooledStream::PauseReading(PauseReason reason) {
  if (carrier_ != nullptr) carrier_->PauseReading(*this, reason);
}

void PooledStream::ResumeReading(PauseReason reason) {
  if (carrier_ != nullptr) carrier_->ResumeReading(*this, reason);
}

size_t PooledStream::Untaken() const {
  return carrier_ == nullptr ? 0 : carrier_->Untaken(*this);
}

bool PooledStream::repeatable() const {
  return opening_ != nullptr || request_.repeatable();
}

// A connection that was pooled may turn out to be dead. A new one may, too, where a process ends whose kernel has
// accepted for it; that is told from a process that cannot bear the request by asking another one, once.
bool PooledStream::MayGoAgain() const {
  return !given_back_ && repeatable() && (reused_ ? !retried_ : !tied_ && !abandoned_ && upstream_.several());
}

void PooledStream::OnSent() {
  if (!MayGoAgain()) GiveBack();
}

void PooledStream::OnAnswered() {
  GiveBack();
}

void PooledStream::GiveBack() {
  request_.head = std::string();
  given_back_ = true;
}

void PooledStream::OnFinalHead() {
  upgrade_.reset();
}

void PooledStream::Open(const wire::ResponseHead& head, std::unique_ptr<SocketStream> socket) {
  carrier_ = nullptr;
  upgrade_.reset();
  opening_->OnUpstreamOpen(head, std::move(socket));
}

void PooledStream::Lose(CloseReason reason, bool untouched) {
  carrier_ = nullptr;
  if (untouched && reason == CloseReason::kUpstreamGone && pool_->Retry(*this)) return;
  session_ = SessionCount();
  events_->OnUpstreamClosed(reason);
}

}  // namespace sheaf::pool
