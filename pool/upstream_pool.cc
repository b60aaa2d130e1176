#include "pool/upstream_pool.h"

#include <algorithm>
#include <utility>

#include "proxy/base/log.h"
#include "proxy/base/random.h"

namespace sheaf::pool {
bool PoolBudget::Take(std::atomic<uint32_t>& count, uint32_t limit) {
  uint32_t used = count.load(std::memory_order_relaxed);
  do {
    if (used >= limit) return false;
  } while (!count.compare_exchange_weak(used, used + 1, std::memory_order_relaxed));
  return true;
}

UpstreamPool::UpstreamPool(net::Loop& loop, Endpoint& endpoint, const net::Address& address, PoolBudget& budget,
                           const Options& options, uint32_t min_share, WorkerMetrics& metrics)
    : loop_(loop),
      endpoint_(endpoint),
      address_(address),
      budget_(budget),
      options_(options),
      min_share_(min_share),
      metrics_(metrics),
      io_{&metrics.upstream_received_bytes_total, &metrics.upstream_sent_bytes_total},
      backoff_(options.pool.backoff_min, options.pool.backoff_max, &RandomFraction) {}

UpstreamPool::~UpstreamPool() {
  for (const LinkState state : {LinkState::kConnecting, LinkState::kIdle, LinkState::kActive, LinkState::kDraining}) {
    while (!list(state).empty()) list(state).front().Close(CloseReason::kDone);
  }
  BuryClosed();
}

std::unique_ptr<UpstreamStream> UpstreamPool::Open(UpstreamRequest request, UpstreamEvents& events) {
  auto stream = std::make_unique<PooledStream>(*this, std::move(request), events, loop_.now());
  UpstreamLink* idle = waiting_.empty() ? TakeIdle() : nullptr;
  if (idle != nullptr) {
    LeaseTo(*stream, *idle, true);
  } else {
    Enqueue(*stream);
  }
  return stream;
}

void UpstreamPool::Enqueue(PooledStream& stream) {
  if (budget_.TakeWaiting()) {
    waiting_.PushBack(stream);
    return;
  }
  stream.failed_ = CloseReason::kPoolExhausted;
  failing_.PushBack(stream);
}

void UpstreamPool::CancelWaiting(PooledStream& stream) {
  if (stream.failed_ != CloseReason::kNone) {
    failing_.Remove(stream);
    return;
  }
  waiting_.Remove(stream);
  budget_.ReturnWaiting();
}

// The one used last: it is the least likely to have been closed by the backend, and those in front grow stale together.
UpstreamLink* UpstreamPool::TakeIdle() {
  LinkList& idle = list(LinkState::kIdle);
  return idle.empty() ? nullptr : &idle.back();
}

void UpstreamPool::LeaseTo(PooledStream& stream, UpstreamLink& link, bool pooled) {
  stream.reused_ = pooled;
  metrics_.pool_acquired_total.Add();
  if (pooled) metrics_.pool_reused_total.Add();
  metrics_.pool_acquire_seconds.Observe(loop_.now() - stream.opened_);
  link.Lease(stream);
  if (std::exchange(stream.blocked_, false)) stream.events_->OnUpstreamDrained();
}

bool UpstreamPool::Retry(PooledStream& stream) {
  if (!stream.reused_ || stream.retried_ || !stream.request_ || !stream.request_->repeatable()) return false;
  if (!budget_.TakeWaiting()) return false;
  stream.retried_ = true;
  stream.opened_ = loop_.now();  // a second wait, with pool.acquire_timeout of its own
  metrics_.pool_retries_total.Add();
  waiting_.PushFront(stream);
  return true;
}

void UpstreamPool::OnLinkConnected(UpstreamLink& link) {
  // With an HTTP health check, a connection alone proves nothing.
  if (options_.pool.health_check_path.empty() && endpoint_.SetUp(true)) {
    Log(LogLevel::kInfo, "the backend is up", {{"upstream", endpoint_.url().address}});
  }
  metrics_.pool_created_total.Add();
  if (waiting_.empty()) {
    link.MoveTo(LinkState::kIdle);
    return;
  }
  PooledStream& stream = waiting_.PopFront();
  budget_.ReturnWaiting();
  LeaseTo(stream, link, false);
}

void UpstreamPool::OnConnectFailed(UpstreamLink& link, CloseReason reason) {
  metrics_.pool_failed_total.Add();
  if (endpoint_.SetUp(false) || backoff_.MayTry(loop_.now())) {
    Log(LogLevel::kWarning, "no connection to the backend",
        {{"upstream", endpoint_.url().address},
         {"reason", std::string(Describe(reason).label)},
         {"tls_error", link.connection() == nullptr ? std::string() : link.connection()->TlsErrorText()}});
  }
  backoff_.Fail(loop_.now());
  last_failure_ = reason;
  link.Close(reason);
}

void UpstreamPool::OnLinkAnswered() {
  backoff_.Succeed();
}

void UpstreamPool::OnLinkLost(UpstreamLink& link) {
  // Something in between (a port forward, a mesh) accepts for a backend that is not there.
  if (!link.answered() && loop_.now() - link.created() < kSettled) backoff_.Fail(loop_.now());
}

void UpstreamPool::OnLinkReturned(UpstreamLink& link) {
  link.connection()->ResumeReading(PauseReason::kPeerFull);
  link.MoveTo(LinkState::kIdle);
  if (draining_) {
    link.Close(CloseReason::kDrain);
  } else if (Expired(link)) {
    link.Close(CloseReason::kUpstreamExpired);
  } else if (link.connection()->peer_ended()) {
    link.Close(CloseReason::kUpstreamClosed);
  }
}

void UpstreamPool::OnLinkClosed(UpstreamLink& link, CloseReason reason) {
  if (link.state() == LinkState::kIdle) metrics_.pool_evicted_total[reason].Add();
  budget_.ReturnLink();
  // It rests in its last state until the end of the turn, when Maintain counts and buries it.
  link.MoveTo(reason == CloseReason::kUpstreamStale ? LinkState::kStale : LinkState::kBroken);
}

bool UpstreamPool::Expired(const UpstreamLink& link) {
  const Duration lifetime = options_.pool.max_lifetime;
  return lifetime > Duration::zero() && loop_.now() - link.created() >= lifetime;
}

void UpstreamPool::Drain() {
  draining_ = true;
  LinkList& idle = list(LinkState::kIdle);
  while (!idle.empty()) idle.front().Close(CloseReason::kDrain);
}

size_t UpstreamPool::CloseSpare() {
  LinkList& idle = list(LinkState::kIdle);
  size_t closed = 0;
  for (; idle.size() > min_share_; ++closed) idle.front().Close(CloseReason::kMemoryShed);
  return closed;
}

void UpstreamPool::Maintain() {
  const uint32_t returns = endpoint_.returns();
  if (std::exchange(seen_returns_, returns) != returns) backoff_.Succeed();
  CloseOverdue();
  ServeWaiting();
  DialForWaiting();
  FailWaiting();
  KeepWarm();
  UpdateGauges();
  BuryClosed();
}

void UpstreamPool::CloseOverdue() {
  if (loop_.now() < next_look_) return;
  next_look_ = loop_.now() + net::kTick;
  const auto overdue = [this](LinkState state, Duration limit) {
    return !list(state).empty() && loop_.now() - list(state).front().since() >= limit;
  };
  while (overdue(LinkState::kConnecting, options_.upstream.connect_timeout)) {
    OnConnectFailed(list(LinkState::kConnecting).front(), CloseReason::kUpstreamTimeout);
  }
  while (overdue(LinkState::kIdle, options_.pool.stale_timeout)) {
    list(LinkState::kIdle).front().Close(CloseReason::kUpstreamStale);
  }
  list(LinkState::kDraining).ForEach([this](UpstreamLink& link) {
    // A backend that is slow still gets all that its client has sent; one that reads nothing is given up.
    const bool sending = link.connection()->queued() > 0;
    const Duration waited = sending ? link.connection()->StalledFor() : loop_.now() - link.since();
    if (waited >= (sending ? Duration(options_.timeouts.stall) : kDrainTime)) link.Close(CloseReason::kDone);
  });
  list(LinkState::kIdle).ForEach([this](UpstreamLink& link) {
    if (Expired(link)) link.Close(CloseReason::kUpstreamExpired);
  });
  // Another worker's requests wait for a connection while this one's lie idle.
  if (budget_.full() && budget_.waiting() > waiting_.size() && !list(LinkState::kIdle).empty()) {
    list(LinkState::kIdle).front().Close(CloseReason::kDone);
  }
}

void UpstreamPool::ServeWaiting() {
  // A retry wants a connection that was not pooled, so it and those behind it wait for the next one that is dialled.
  while (!waiting_.empty() && !waiting_.front().retried_) {
    UpstreamLink* idle = TakeIdle();
    if (idle == nullptr) return;
    PooledStream& stream = waiting_.PopFront();
    budget_.ReturnWaiting();
    LeaseTo(stream, *idle, true);
  }
}

// How many dials may be under way for their own sake.
size_t UpstreamPool::MayDial(size_t wanted) {
  if (!backoff_.MayTry(loop_.now())) return 0;
  return backoff_.failing() ? std::min<size_t>(wanted, 1) : wanted;
}

void UpstreamPool::DialForWaiting() {
  while (list(LinkState::kConnecting).size() < MayDial(waiting_.size())) {
    if (!Dial()) {
      // Only a retry waits while connections lie idle: one of them makes room for it.
      LinkList& idle = list(LinkState::kIdle);
      if (idle.empty() || !budget_.full()) return;
      idle.front().Close(CloseReason::kUpstreamStale);
    }
  }
}

bool UpstreamPool::Dial() {
  if (!budget_.TakeLink()) return false;
  auto* link = new UpstreamLink(*this, loop_.now());  // owned by the list of its state; see BuryClosed
  if (link->Connect()) return true;
  OnConnectFailed(*link, CloseReason::kUpstreamConnectFailed);
  return false;
}

void UpstreamPool::KeepWarm() {
  // Spare connections must not take what another worker's requests wait for.
  if (draining_ || budget_.waiting() > waiting_.size()) return;
  const auto dialling = [this] { return list(LinkState::kConnecting).size(); };
  while (list(LinkState::kIdle).size() + dialling() < min_share_ + waiting_.size() &&
         dialling() < MayDial(kMaxWarming)) {
    if (!Dial()) return;
  }
}

void UpstreamPool::FailWaiting() {
  while (!failing_.empty()) {
    PooledStream& stream = failing_.PopFront();
    stream.events_->OnUpstreamClosed(std::exchange(stream.failed_, CloseReason::kNone));
  }
  // While the backend cannot be dialled, waiting is in vain: a prompt refusal lets the client try another replica.
  const bool unreachable = !backoff_.MayTry(loop_.now()) && list(LinkState::kConnecting).empty() && !budget_.full();
  while (!waiting_.empty()) {
    PooledStream& stream = waiting_.front();
    const bool overdue = loop_.now() - stream.opened_ >= options_.pool.acquire_timeout;
    if (!unreachable && !overdue) return;
    CancelWaiting(stream);
    stream.events_->OnUpstreamClosed(unreachable ? last_failure_ : CloseReason::kPoolExhausted);
  }
}

void UpstreamPool::UpdateGauges() {
  for (size_t state = 0; state < kLinkStates; ++state) {
    metrics_.pool_links[static_cast<LinkState>(state)].Set(static_cast<int64_t>(links_[state].size()));
  }
  metrics_.upstream_up.Set(endpoint_.up() ? 1 : 0);
  metrics_.pool_waiting.Set(static_cast<int64_t>(waiting_.size()));
}

void UpstreamPool::BuryClosed() {
  for (const LinkState state : {LinkState::kStale, LinkState::kBroken}) {
    while (!list(state).empty()) {
      loop_.graveyard().Retire(std::unique_ptr<UpstreamLink>(&list(state).PopFront()));
    }
  }
}

}  // namespace sheaf::pool
