#include "pool/endpoint_pool.h"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "pool/balance.h"
#include "pool/http1_codec.h"
#include "proxy/base/events.h"
#include "proxy/base/random.h"

namespace sheaf::pool {
namespace {

// Why a dial failed, for the log.
std::string DialError(const net::Connection& connection, CloseReason reason) {
  if (reason == CloseReason::kUpstreamTimeout) return std::generic_category().message(ETIMEDOUT);
  std::string text = connection.ErrorText();
  return text.empty() ? std::string(Describe(reason).text) : text;
}

}  // namespace

EndpointPool::EndpointPool(net::Loop& loop, EndpointRef endpoint, UpstreamSettings settings, PoolShare share,
                           WorkerMetrics& metrics, EndpointPoolEvents& events, bool wanted)
    : identity(HashText(endpoint->name())),
      loop_(loop),
      endpoint_(std::move(endpoint)),
      targets_(endpoint_->addresses()),
      share_(share),
      metrics_(metrics),
      events_(events),
      io_{&metrics.upstream_received_bytes_total, &metrics.upstream_sent_bytes_total},
      backoff_(settings.pool.backoff_min, settings.pool.backoff_max, &RandomFraction),
      waiting_(endpoint_->budget(), metrics.pool_waiting),
      wanted_(wanted) {
  Adopt(std::move(settings));
}

EndpointPool::~EndpointPool() {
  mux_.reset();  // whose links are connections of this
  for (const LinkState state : {LinkState::kConnecting, LinkState::kIdle, LinkState::kActive, LinkState::kDraining}) {
    while (!list(state).empty()) list(state).front().Close(CloseReason::kDone);
  }
  BuryClosed();
  budget().AddSpare(-spare_);
}

void EndpointPool::Adopt(UpstreamSettings settings) {
  settings_ = std::move(settings);
  const bool mux = settings_.mode == UpstreamMode::kMux;
  if (mux && !mux_) mux_ = std::make_unique<MuxLinks>(*this, events_, metrics_);
  if (mux_) mux_->Adopt(settings_, settings_.pool.min_size == kAuto ? 1 : share_.Of(settings_.pool.min_size));
  // Those that are kept are mux links.
  min_share_ = mux ? 0 : share_.Of(WarmLinks(settings_.pool, endpoint().url()));
  dial_share_ = std::max(share_.Of(settings_.pool.max_dialing), 1U);
  backoff_.Adopt(settings_.pool.backoff_min, settings_.pool.backoff_max, loop_.now());
  FollowHealth();
  if (health_check_) health_check_->Adopt(settings_);
  next_look_ = TimePoint{};
}

void EndpointPool::SetWanted(bool wanted) {
  if (std::exchange(wanted_, wanted) != wanted) next_look_ = TimePoint{};
}

void EndpointPool::FollowAddresses() {
  DialTargets targets(endpoint_->addresses());
  if (targets.all() == targets_.all()) return;
  targets_ = std::move(targets);
  backoff_.Succeed();
  if (health_check_) health_check_->SetTargets(targets_);
}

bool EndpointPool::over() const {
  return !wanted_ && empty() && (share_.index != 0 || endpoint_->sessions() == 0);
}

bool EndpointPool::empty() const {
  const bool unlinked = std::all_of(links_.begin(), links_.end(), [](const LinkList& links) { return links.empty(); });
  return unlinked && waiting_.deserted() && (!mux_ || mux_->empty());
}

void EndpointPool::Join(UpstreamLink& link) {
  moved_ = true;
  events_.OnStirred();
  list(link.state()).PushBack(link);
  metrics_.pool_links[link.state()].Add();
  endpoint_->counters().links[static_cast<size_t>(link.state())].fetch_add(1, std::memory_order_relaxed);
}

void EndpointPool::Leave(UpstreamLink& link) {
  list(link.state()).Remove(link);
  metrics_.pool_links[link.state()].Sub();
  endpoint_->counters().links[static_cast<size_t>(link.state())].fetch_sub(1, std::memory_order_relaxed);
}

// One worker is enough to ask, and only where somebody wants to go, or is.
void EndpointPool::FollowHealth() {
  const bool checks = share_.index == 0 && (wanted_ || endpoint_->sessions() > 0) &&
                      settings_.pool.health_check_interval > Duration::zero();
  if (checks == (health_check_ != nullptr)) return;
  health_check_ = checks ? std::make_unique<HealthCheck>(loop_, endpoint(), targets_, settings_, metrics_) : nullptr;
}

void EndpointPool::Open(PooledStream& stream) {
  if (settings_.mode == UpstreamMode::kMux && stream.upgrade() != nullptr && mux_->Open(stream)) return;
  OpenAlone(stream);
}

void EndpointPool::OpenAlone(PooledStream& stream) {
  if (UpstreamLink* idle = waiting_.empty() ? TakeIdle(stream) : nullptr) return LeaseTo(stream, *idle, true);
  // A new one takes the place of the oldest that is not good enough, so that the backend has no more connections than
  // it would have had.
  LinkList& left = list(LinkState::kIdle);
  if (waiting_.empty() && !left.empty()) left.front().Close(CloseReason::kUpstreamIdle);
  waiting_.Enter(stream);
  events_.OnStirred();
}

// An idle link that serves the request at once, or nullptr. One whose socket holds bytes, or its end, is not leased:
// what the backend said unasked would be taken for the answer.
UpstreamLink* EndpointPool::TakeIdle(const PooledStream& stream) {
  while (UpstreamLink* link = ChooseIdle(stream)) {
    const net::Connection::Waiting waiting = link->connection().LookForInput();
    if (waiting == net::Connection::Waiting::kNothing) return link;
    const bool ended = waiting == net::Connection::Waiting::kEnd;
    if (ended) OnLinkLost(*link);
    link->Close(ended ? CloseReason::kUpstreamClosed : CloseReason::kUpstreamProtocolError);
  }
  return nullptr;
}

// The one used last: it is the least likely to have been closed by the backend, and those in front grow stale together.
// A request that may not be repeated gets none that the backend may be about to close.
UpstreamLink* EndpointPool::ChooseIdle(const PooledStream& stream) {
  LinkList& idle = list(LinkState::kIdle);
  if (idle.empty()) return nullptr;
  if (stream.repeatable() || IsSafe(idle.back())) return &idle.back();
  // The oldest are those that were never used, if there are any.
  return IsSafe(idle.front()) ? &idle.front() : nullptr;
}

// One that was never used is as good as new: no server's keep-alive time-out runs on it yet.
bool EndpointPool::IsSafe(const UpstreamLink& link) {
  return !link.answered() || idle_limit_.IsSafe(loop_.now() - link.since(), loop_.now());
}

void EndpointPool::LeaseTo(PooledStream& stream, UpstreamLink& link, bool pooled) {
  stream.OnAcquired(metrics_, {.pooled = pooled, .ready = pooled, .reused = link.answered()});
  link.Lease(stream);
  if (std::exchange(stream.blocked_, false)) stream.events_->OnUpstreamDrained();
}

bool EndpointPool::Retry(PooledStream& stream) {
  if (!stream.MayGoAgain()) return false;
  stream.opened_ = loop_.now();  // a second wait, with pool.acquire_timeout of its own
  if (stream.reused_) {
    if (!waiting_.EnterFirst(stream)) return false;
    stream.retried_ = true;
  } else {
    stream.abandoned_ = true;
    if (!events_.GoElsewhere(stream)) return false;
  }
  metrics_.pool_retries_total.Add();
  return true;
}

void EndpointPool::OnLinkConnected(UpstreamLink& link) {
  // With an HTTP health check, a connection alone proves nothing.
  if (settings_.pool.health_check_path.empty()) endpoint().SetUp(loop_.now());
  targets_.Succeed(link.target());
  short_ = false;
  metrics_.pool_created_total.Add();
  endpoint().counters().created_total.fetch_add(1, std::memory_order_relaxed);
  if (waiting_.empty()) {
    link.MoveTo(LinkState::kIdle);
    if (!wanted_) link.Close(CloseReason::kDrain);
    return;
  }
  LeaseTo(waiting_.TakeFirst(), link, false);
}

void EndpointPool::OnConnectFailed(UpstreamLink& link, CloseReason reason) {
  metrics_.pool_failed_total.Add();
  endpoint().counters().failed_total.fetch_add(1, std::memory_order_relaxed);
  // Nobody hears of a failure before all addresses have been tried. One that answers and fails at TLS is the backend.
  if (reason != CloseReason::kUpstreamTlsError && targets_.Fail(link.target())) return link.Close(reason);
  endpoint().DialFailed();
  endpoint().Fail(loop_.now(), DialError(link.connection(), reason), settings_.max_fails);
  backoff_.Fail(loop_.now());
  last_failure_ = reason;
  link.Close(reason);
}

void EndpointPool::OnLinkAnswered() {
  backoff_.Succeed();
}

void EndpointPool::OnLinkLost(UpstreamLink& link) {
  if (link.answered()) idle_limit_.OnClosed(loop_.now() - link.since(), loop_.now());
  // Something in between (a port forward, a mesh) accepts for a backend that is not there.
  if (!link.answered() && loop_.now() - link.created() < kSettled) backoff_.Fail(loop_.now());
}

void EndpointPool::OnLinkReturned(UpstreamLink& link) {
  link.connection().ResumeReading(PauseReason::kPeerFull);
  link.MoveTo(LinkState::kIdle);
  if (!keeps_warm()) {
    link.Close(CloseReason::kDrain);
  } else if (budget().overfull()) {
    link.Close(CloseReason::kDone);
  } else if (Expired(link)) {
    link.Close(CloseReason::kUpstreamExpired);
  } else if (link.connection().peer_ended()) {
    link.Close(CloseReason::kUpstreamClosed);
  }
}

void EndpointPool::OnLinkClosed(UpstreamLink& link, CloseReason reason) {
  if (link.state() == LinkState::kIdle) {
    metrics_.pool_evicted_total[reason].Add();
    endpoint().counters().evicted_total.fetch_add(1, std::memory_order_relaxed);
  }
  // Another process may be there soon.
  if (mux_ && (reason == CloseReason::kUpstreamGone || reason == CloseReason::kUpstreamConnectFailed)) mux_->AskAgain();
  budget().ReturnLink();
  // The link rests in its last state until the end of the turn, when Maintain counts and buries it.
  link.MoveTo(reason == CloseReason::kUpstreamStale ? LinkState::kStale : LinkState::kBroken);
}

bool EndpointPool::Expired(const UpstreamLink& link) const {
  const Duration lifetime = settings_.pool.max_lifetime;
  return lifetime > Duration::zero() && loop_.now() - link.created() >= lifetime;
}

void EndpointPool::Drain() {
  draining_ = true;
  CloseIdle(CloseReason::kDrain);
}

void EndpointPool::CloseIdle(CloseReason reason) {
  LinkList& idle = list(LinkState::kIdle);
  while (!idle.empty()) idle.front().Close(reason);
}

size_t EndpointPool::CloseSpare() {
  LinkList& idle = list(LinkState::kIdle);
  size_t closed = 0;
  for (; idle.size() > min_share_; ++closed) idle.front().Close(CloseReason::kMemoryShed);
  return closed;
}

PoolLook EndpointPool::Look() {
  PoolLook look{.endpoint = endpoint_,
                .waiting = waiting_.size(),
                .longest_wait = waiting_.LongestWait(loop_.now()),
                .mux_links = {},
                .mux_sessions = 0};
  if (mux_) mux_->AddTo(look);
  return look;
}

void EndpointPool::CancelWaiting(PooledStream& stream) {
  if (stream.awaits_mux()) return mux_->CancelWaiting(stream);
  waiting_.Leave(stream);
}

void EndpointPool::Maintain() {
  if (mux_) mux_->Turn();
  const uint32_t returns = endpoint().returns();
  if (std::exchange(seen_returns_, returns) != returns) {
    backoff_.Succeed();
    moved_ = true;
  }
  // Most turns change nothing here, and there may be many pools.
  if (!moved_ && waiting_.deserted() && loop_.now() < next_look_) return;
  LookAround();
  ServeWaiting();
  DialForWaiting();
  FailWaiting();
  KeepWarm();
  CountSpare();
  BuryClosed();
  moved_ = false;
}

void EndpointPool::LookAround() {
  if (loop_.now() < next_look_) return;
  next_look_ = loop_.now() + net::kTick;
  FollowHealth();
  CloseOverdue();
}

void EndpointPool::CloseOverdue() {
  const auto overdue = [this](LinkState state, Duration limit) {
    return !list(state).empty() && loop_.now() - list(state).front().since() >= limit;
  };
  while (overdue(LinkState::kConnecting, settings_.connect_timeout)) {
    OnConnectFailed(list(LinkState::kConnecting).front(), CloseReason::kUpstreamTimeout);
  }
  CloseOverdueIdle();
  list(LinkState::kDraining).ForEach([this](UpstreamLink& link) {
    // A backend that is slow still gets all that its client has sent; one that reads nothing is given up.
    const bool sending = link.connection().queued() > 0;
    const Duration waited = sending ? link.connection().StalledFor() : loop_.now() - link.since();
    if (waited >= (sending ? settings_.stall_timeout : kDrainTime)) link.Close(CloseReason::kDone);
  });
}

void EndpointPool::CloseOverdueIdle() {
  LinkList& idle = list(LinkState::kIdle);
  size_t unused = 0;
  idle.ForEach([&unused](UpstreamLink& link) { unused += link.answered() ? 0 : 1; });
  idle.ForEach([this, &unused](UpstreamLink& link) {
    // One that was never used, and that min_size does not ask for, was dialled for somebody who left.
    const bool kept = !link.answered() && unused <= min_share_;
    const CloseReason reason = OverdueReason(link, kept);
    if (reason == CloseReason::kNone) return;
    unused -= link.answered() ? 0 : 1;
    link.Close(reason);
  });
  if (!wanted_) return CloseIdle(CloseReason::kDrain);
  while (!idle.empty() && budget().overfull()) idle.front().Close(CloseReason::kDone);
  // Another worker's requests wait for a connection while this one's lie idle.
  if (!budget().full()) return;
  for (uint32_t needed = budget().waiting(); needed > waiting_.size() && !idle.empty(); --needed) {
    idle.front().Close(CloseReason::kDone);
  }
}

CloseReason EndpointPool::OverdueReason(const UpstreamLink& link, bool kept) const {
  const Duration idle = loop_.now() - link.since();
  if (idle >= settings_.pool.stale_timeout) return CloseReason::kUpstreamStale;
  if (!kept && idle >= settings_.pool.idle_timeout) return CloseReason::kUpstreamIdle;
  return Expired(link) ? CloseReason::kUpstreamExpired : CloseReason::kNone;
}

void EndpointPool::ServeWaiting() {
  // A retry wants a connection that was not pooled, so it and those behind it wait for the next one that is dialled.
  while (!waiting_.empty() && !waiting_.first().retried_) {
    UpstreamLink* idle = TakeIdle(waiting_.first());
    if (idle == nullptr) return;
    LeaseTo(waiting_.TakeFirst(), *idle, true);
  }
}

// How many dials may be under way for the sake of `wanted` links.
size_t EndpointPool::MayDial(size_t wanted) {
  if (targets_.empty() || !backoff_.MayTry(loop_.now()) || loop_.now() < busy_until_) return 0;
  return std::min<size_t>(wanted, backoff_.failing() ? 1 : dial_share_);
}

void EndpointPool::DialForWaiting() {
  if (waiting_.empty()) return;
  while (list(LinkState::kConnecting).size() < MayDial(waiting_.size())) {
    const Dialled dialled = Dial();
    if (dialled == Dialled::kUnderWay) continue;
    // What waits while connections lie idle wants none of them: one of them makes room for a new one.
    LinkList& idle = list(LinkState::kIdle);
    if (dialled != Dialled::kNoRoom || idle.empty() || !budget().full()) return;
    idle.front().Close(CloseReason::kUpstreamStale);
  }
}

EndpointPool::Dialled EndpointPool::Dial() {
  if (!budget().TakeLink()) return Dialled::kNoRoom;
  auto* link = new UpstreamLink(*this, loop_.now());  // owned by the list of its state; see BuryClosed
  if (!link->Connect()) {
    ReportShortage(errno);
    link->Close(CloseReason::kOutOfDescriptors);
    return Dialled::kLater;
  }
  // A Unix socket whose queue is full says so at once; TCP goes on trying by itself.
  if (link->connection().error() != EAGAIN) return Dialled::kUnderWay;
  busy_until_ = loop_.now() + kBusyTime;
  link->Close(CloseReason::kUpstreamBusy);
  return Dialled::kLater;
}

// The shortage is this process's own: the backend is as well as before, and no back-off keeps the next dial waiting.
void EndpointPool::ReportShortage(int error) {
  short_ = true;
  if (shortage_told_ != TimePoint{} && loop_.now() - shortage_told_ < kShortageInterval) return;
  shortage_told_ = loop_.now();
  Announce(EventKind::kUpstream, LogLevel::kError,
           "no descriptor is left for a connection to the backend: raise the limit of open files, or lower "
           "listen.max_connections",
           {{"error", std::generic_category().message(error)}});
}

void EndpointPool::KeepWarm() {
  // Spare connections must not take what another worker's requests wait for.
  if (!keeps_warm() || budget().waiting() > waiting_.size()) return;
  const auto dialling = [this] { return list(LinkState::kConnecting).size(); };
  while (list(LinkState::kIdle).size() + dialling() < min_share_ + waiting_.size() &&
         dialling() < MayDial(kMaxWarming)) {
    if (Dial() != Dialled::kUnderWay) return;
  }
}

void EndpointPool::FailWaiting() {
  waiting_.TellRefused();
  // While the backend cannot be dialled, waiting is in vain: a prompt refusal lets the client try another replica.
  const bool unreachable = !backoff_.MayTry(loop_.now()) && list(LinkState::kConnecting).empty() && !budget().full();
  while (!waiting_.empty()) {
    PooledStream& stream = waiting_.first();
    const bool overdue = loop_.now() - stream.opened_ >= settings_.pool.acquire_timeout;
    if (!unreachable && !overdue) return;
    waiting_.Leave(stream);
    if (unreachable && events_.GoElsewhere(stream)) continue;
    if (unreachable) endpoint().CountRefused();
    const CloseReason lacking = short_ ? CloseReason::kOutOfDescriptors : CloseReason::kPoolExhausted;
    stream.events_->OnUpstreamClosed(unreachable || targets_.empty() ? last_failure_ : lacking);
  }
}

void EndpointPool::Disperse() {
  if (mux_) mux_->Disperse();
  // Whom nobody else takes waits here again, and so is met once.
  for (size_t left = waiting_.size(); left > 0; --left) {
    PooledStream& stream = waiting_.TakeFirst();
    if (!events_.GoElsewhere(stream)) waiting_.Enter(stream);
  }
}

void EndpointPool::CountSpare() {
  const auto spare = static_cast<int32_t>(list(LinkState::kIdle).size() + list(LinkState::kConnecting).size());
  if (spare != spare_) budget().AddSpare(spare - std::exchange(spare_, spare));
}

void EndpointPool::BuryClosed() {
  for (const LinkState state : {LinkState::kStale, LinkState::kBroken}) {
    while (!list(state).empty()) {
      UpstreamLink& link = list(state).front();
      Leave(link);
      loop_.graveyard().Retire(std::unique_ptr<UpstreamLink>(&link));
    }
  }
}

}  // namespace sheaf::pool
