#include "proxy/http/exchange.h"

#include <algorithm>
#include <array>
#include <utility>

#include "proxy/plan/context.h"

namespace sheaf {
namespace {

// The kernel tells of a slow reader's progress only when a good part of its buffer is free, so what may move is looked
// at this many times within a limit.
constexpr int kLooksWithinLimit = 10;

}  // namespace

Exchange::Exchange(WorkerContext& context, ExchangeOwner& owner, const RoutePlan& plan, ExchangeInfo info)
    : context_(context),
      owner_(owner),
      plan_(plan),
      info_(std::move(info)),
      deadline_(*this),
      pace_(plan.options.body_timeout, context.options().limits.min_body_rate),
      started_(context.loop().now()),
      awaits_continue_(info_.expects_continue) {}

void Exchange::Start(pool::HttpRequest request, Placing placing) {
  request_ended_ = request.body == wire::BodyKind::kNone;
  stream_ = plan_->upstream->Send(std::move(request), *this, std::move(placing.placement));
  learner_ = std::move(placing.learner);
  BeginWait();
}

void Exchange::Start(std::shared_ptr<const pool::Upgrade> upgrade, Placing placing) {
  request_ended_ = true;
  stream_ = plan_->upstream->Connect(std::move(upgrade), *this, std::move(placing.placement));
  BeginWait();
}

void Exchange::OnRequestBody(std::string_view data) {
  request_bytes_ += data.size();
  if (!stream_) return;
  waits_since_ = context_.loop().now();
  pace_.OnBytes(data.size(), waits_since_);
  // The client need not have waited for the 100 (RFC 9110 10.1.1).
  if (std::exchange(awaits_continue_, false)) BeginWait();
  stream_->SendBody(data);
}

void Exchange::OnRequestEnd() {
  request_ended_ = true;
  awaits_continue_ = false;
  if (!stream_) return;
  stream_->FinishBody();
  BeginWait();
}

void Exchange::OnUpstreamOpen(const wire::ResponseHead& head, std::unique_ptr<pool::SocketStream> socket) {
  stream_.reset();
  context_.loop().CancelDeadline(deadline_);
  status_ = 101;
  CountAnswer(101);
  owner_.OnExchangeUpgraded(head, std::move(socket));
}

void Exchange::OnUpstreamHead(const wire::ResponseHead& head) {
  if (head.status < 200) {
    if (info_.minor_version >= 1) {
      Write(BuildDownstreamHead(head, Framing::kAsIs, false, info_.minor_version, info_.request_id));
    }
    if (head.status == 100 && std::exchange(awaits_continue_, false)) BeginWait();
    return;
  }
  status_ = head.status;
  endpoint_ = stream_->endpoint();
  if (learner_) learner_->OnHead(head, endpoint_);
  framing_ = FramingFor(head, info_.minor_version, info_.method == "HEAD");
  // A final response before the end of the body: what the client still sends cannot be told from a next request.
  close_ = !info_.keep_alive || framing_ == Framing::kUntilClose || !request_ended_ || owner_.IsLastRequest() ||
           context_.draining();
  Write(BuildDownstreamHead(head, framing_, close_, info_.minor_version, info_.request_id));
  BeginWait();
}

void Exchange::Write(std::string_view bytes) {
  owner_.connection().Write(bytes);
}

void Exchange::OnUpstreamBody(std::string_view data) {
  response_bytes_ += data.size();
  if (learner_) learner_->OnBody(data);
  waits_since_ = context_.loop().now();
  if (framing_ != Framing::kChunked) {
    Write(data);
    return;
  }
  Write(wire::ChunkSizeLine(data.size()));
  Write(data);
  Write("\r\n");
}

void Exchange::OnUpstreamEnd() {
  if (learner_) learner_->OnEnd();
  if (framing_ == Framing::kChunked && info_.method != "HEAD") Write(wire::kLastChunk);
  stream_.reset();
  context_.loop().CancelDeadline(deadline_);
  LogAccess(status_, Describe(CloseReason::kDone).label);
  owner_.OnExchangeDone(close_ || !request_ended_);
}

void Exchange::OnUpstreamBlocked() {
  context_.metrics().backpressure_pauses_total[Side::kClient].Add();
  upstream_full_ = true;
  BeginWait();
  owner_.OnUpstreamBlocked();
}

void Exchange::OnUpstreamDrained() {
  upstream_full_ = false;
  BeginWait();
  owner_.OnUpstreamDrained();
}

void Exchange::OnUpstreamClosed(CloseReason reason) {
  if (response_begun()) return Break(reason == CloseReason::kUpstreamGone ? CloseReason::kUpstreamTruncated : reason);
  NoteEndpoint();
  stream_.reset();
  context_.loop().CancelDeadline(deadline_);
  owner_.OnExchangeRefused(Describe(reason).answer.value_or(RefuseReason::kUpstreamBadResponse));
}

void Exchange::OnClientBlocked() {
  if (!stream_) return;
  context_.metrics().backpressure_pauses_total[Side::kUpstream].Add();
  stream_->PauseReading(PauseReason::kPeerFull);
  if (response_begun()) BeginWait();
}

void Exchange::OnClientDrained() {
  if (!stream_) return;
  stream_->ResumeReading(PauseReason::kPeerFull);
  if (response_begun()) BeginWait();
}

// ---- whose move it is

Exchange::Wait Exchange::waiting_for() const {
  if (!response_begun()) return request_ended_ || upstream_full_ || awaits_continue_ ? Wait::kBackend : Wait::kClient;
  if (owner_.connection().blocked()) return Wait::kReader;
  return request_ended_ ? Wait::kNothing : Wait::kStream;
}

Duration Exchange::limit() const {
  switch (waiting_for()) {
    case Wait::kClient:
      return plan_->options.body_timeout;
    case Wait::kBackend:
      return plan_->options.response_timeout;
    case Wait::kStream:  // a backend that takes nothing has no more time for it than before it answered
      return upstream_full_ ? plan_->options.response_timeout : plan_->options.body_timeout;
    case Wait::kReader:
      return context_.options().timeouts.stall;
    case Wait::kNothing:
      break;
  }
  return Duration::max();
}

void Exchange::BeginWait() {
  waits_since_ = context_.loop().now();
  const Wait wait = waiting_for();
  if (wait == Wait::kNothing) return context_.loop().CancelDeadline(deadline_);
  if (wait == Wait::kClient) pace_.Begin(waits_since_);
  untaken_ = request_bytes_ > 0 && stream_ ? stream_->Untaken() : 0;
  WaitOn(Duration::zero(), wait == Wait::kBackend && stream_ && (untaken_ > 0 || !stream_->leased()));
}

void Exchange::WaitOn(Duration waited, bool may_move) {
  const Duration most = limit();
  context_.loop().SetDeadline(deadline_, may_move ? std::min(most - waited, most / kLooksWithinLimit) : most - waited);
}

bool Exchange::UpstreamMoves() {
  const size_t before = std::exchange(untaken_, stream_->Untaken());
  return untaken_ < before || !stream_->leased();
}

void Exchange::OnDeadline(net::Deadline& /*deadline*/) {
  switch (waiting_for()) {
    case Wait::kClient:
      return CheckBody();
    case Wait::kBackend:
      return CheckBackend();
    case Wait::kStream:
      return CheckStream();
    case Wait::kReader:
      return CheckReader();
    case Wait::kNothing:
      return;
  }
}

void Exchange::CheckBody() {
  const TimePoint now = context_.loop().now();
  if (pace_.TooSlow(now)) return owner_.OnExchangeRefused(RefuseReason::kBodyTimeout);
  context_.loop().SetDeadline(deadline_, pace_.NextLook(now));
}

// The backend's time runs from the last byte that it took.
void Exchange::CheckBackend() {
  const TimePoint now = context_.loop().now();
  if (UpstreamMoves()) waits_since_ = now;
  if (now - waits_since_ >= limit()) return owner_.OnExchangeRefused(RefuseReason::kUpstreamTimeout);
  WaitOn(now - waits_since_, untaken_ > 0 || !stream_->leased());
}

// Alive as long as anything moves.
void Exchange::CheckStream() {
  const TimePoint now = context_.loop().now();
  net::Connection& client = owner_.connection();
  if (UpstreamMoves()) waits_since_ = now;
  if (client.full()) waits_since_ = std::max(waits_since_, now - client.StalledFor());
  if (now - waits_since_ < limit()) return WaitOn(now - waits_since_, untaken_ > 0 || client.full());
  Break(upstream_full_ ? CloseReason::kUpstreamTimeout : CloseReason::kStreamIdle);
}

void Exchange::CheckReader() {
  const Duration stalled = owner_.connection().StalledFor();
  if (stalled >= limit()) return Break(CloseReason::kClientStalled);
  WaitOn(stalled, false);
}

// ---- how it ends

void Exchange::Break(CloseReason reason) {
  stream_.reset();
  context_.loop().CancelDeadline(deadline_);
  LogAccess(status_, Describe(reason).label);
  owner_.OnExchangeBroken(reason);
}

void Exchange::Cancel(CloseReason reason) {
  NoteEndpoint();
  if (stream_) {
    stream_->Close(reason);
    stream_.reset();
  }
  context_.loop().CancelDeadline(deadline_);
  // 499 is nginx's and everybody's number for a client that left.
  LogAccess(status_ != 0 ? status_ : 499, Describe(reason).label);
}

// Also of an answer that never came one wants to know from whom.
void Exchange::NoteEndpoint() {
  if (!endpoint_ && stream_) endpoint_ = stream_->endpoint();
}

void Exchange::LogRefused(RefuseReason reason) {
  NoteEndpoint();
  LogAccess(status_ != 0 ? status_ : Describe(reason).status, Describe(reason).label);
}

void Exchange::CountAnswer(int status) {
  RouteCounters& route = *plan_->counters.route;
  route.requests[StatusClassOf(status)].Add();
  route.request_seconds.Observe(context_.loop().now() - started_);
}

void Exchange::LogAccess(int status, std::string_view end) {
  if (std::exchange(logged_, true)) return;
  CountAnswer(status);
  if (!context_.options().log.access || !LogEnabled(LogLevel::kInfo)) return;
  const std::chrono::duration<double, std::milli> duration = context_.loop().now() - started_;
  std::array<LogField, 15> fields = {{{"client", info_.client},
                                      {"method", info_.method},
                                      {"target", info_.target},
                                      {"protocol", info_.minor_version == 0 ? "HTTP/1.0" : "HTTP/1.1"},
                                      {"status", status},
                                      {"duration_ms", LogValue::Decimal(duration.count(), 3)},
                                      {"bytes_in", request_bytes_},
                                      {"bytes_out", response_bytes_},
                                      {"end", end},
                                      {"user_agent", info_.user_agent},
                                      {"request_id", info_.request_id}}};
  size_t count = 11;
  // Where there is a choice.
  if (endpoint_ && plan_->upstream->several()) fields[count++] = {"upstream", endpoint_->name()};
  if (!info_.user.empty()) fields[count++] = {"user", info_.user};
  if (!info_.referer.empty()) fields[count++] = {"referer", info_.referer};
  if (!info_.trace_id.empty()) fields[count++] = {"trace_id", info_.trace_id};
  Log(LogKind::kAccess, LogLevel::kInfo, "access", std::span(fields).first(count));
}

}  // namespace sheaf
