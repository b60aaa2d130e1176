#include "pool/mux_links.h"

#include <algorithm>
#include <utility>

#include "pool/endpoint_pool.h"
#include "pool/pooled_stream.h"
#include "proxy/base/events.h"
#include "proxy/wire/engine_io.h"

namespace sheaf::pool {

MuxLinks::MuxLinks(EndpointPool& pool, EndpointPoolEvents& events, WorkerMetrics& metrics)
    : pool_(pool),
      events_(events),
      metrics_(metrics),
      waiting_(pool.endpoint().budget(), metrics.pool_waiting),
      next_turn_(*this) {}

MuxLinks::~MuxLinks() {
  pool_.loop().CancelShortDeadline(next_turn_);
}

void MuxLinks::Adopt(const UpstreamSettings& settings, uint32_t least) {
  // Another token may be the right one.
  if (settings.token != settings_.token) ask_again_at_ = TimePoint{};
  settings_ = settings;
  least_ = std::max(least, 1U);
  next_look_ = TimePoint{};
  if (settings_.mode != UpstreamMode::kMux) GiveUpWaiting(MuxFailure::kUnreachable);
}

// A link that has room, or will have as soon as it is there.
bool MuxLinks::may_come() const {
  const bool room = std::any_of(links_.begin(), links_.end(), [this](const auto& link) {
    return link->Is(MuxLinkState::kOpening) || (link->Is(MuxLinkState::kReady) && !IsFull(*link));
  });
  return room || (wanted() && pool_.may_retry() && (speaks_ || pool_.loop().now() >= ask_again_at_));
}

bool MuxLinks::IsFull(const MuxLink& link) const {
  return link.sessions() >= settings_.pool.sessions_per_link;
}

bool MuxLinks::wanted() const {
  return settings_.mode == UpstreamMode::kMux && pool_.keeps_warm();
}

// ---- handshakes

bool MuxLinks::Open(PooledStream& stream) {
  if (!speaks_ || IsForTunnel(stream)) return false;
  if (MuxLink* const link = waiting_.empty() ? Choose() : nullptr) {
    Serve(stream, *link, true);
    return true;
  }
  // Where no link has room or may be made, a connection of its own may.
  if (!may_come()) return false;
  stream.AwaitMux(true);
  waiting_.Enter(stream);
  OnMuxStirred();
  return true;
}

// A session of Engine.IO that began by polling lives in one process, and a link leads to whichever took it.
bool MuxLinks::IsForTunnel(const PooledStream& stream) {
  if (stream.upgrade()->target.size() + stream.upgrade()->fields.text().size() > kMostHead) return true;
  if (!several_processes() || !wire::ReadEngineIoRequest(stream.upgrade()->target)) return false;
  if (!std::exchange(told_several_, true)) {
    Announce(
        EventKind::kUpstream, LogLevel::kWarning,
        "several processes take links at one address, so that Engine.IO's sessions are tunnelled: give each process "
        "an address of its own (upstream.urls)",
        {{"upstream", pool_.endpoint().url().address}});
  }
  return true;
}

bool MuxLinks::several_processes() const {
  const MuxLink* one = nullptr;
  for (const auto& link : links_) {
    if (!link->Is(MuxLinkState::kReady)) continue;
    if (link->has_siblings() || (one != nullptr && one->process() != link->process())) return true;
    one = link.get();
  }
  return false;
}

size_t MuxLinks::CountProcesses() const {
  std::vector<uint64_t> processes;
  for (const auto& link : links_) {
    if (!link->Is(MuxLinkState::kReady)) continue;
    if (std::find(processes.begin(), processes.end(), link->process()) == processes.end()) {
      processes.push_back(link->process());
    }
  }
  return processes.size();
}

size_t MuxLinks::SessionsOf(uint64_t process) const {
  size_t sessions = 0;
  for (const auto& link : links_) sessions += link->process() == process ? link->sessions() : 0;
  return sessions;
}

// The process with the fewest sessions, and its link with the fewest; one that does not answer pings where there is no
// other.
MuxLink* MuxLinks::Choose() const {
  MuxLink* best = nullptr;
  const auto before = [this](const MuxLink& a, const MuxLink& b) {
    if (a.in_doubt() != b.in_doubt()) return b.in_doubt();
    if (a.process() == b.process()) return a.sessions() < b.sessions();
    return SessionsOf(a.process()) < SessionsOf(b.process());
  };
  for (const auto& link : links_) {
    if (!link->MayOpen() || IsFull(*link)) continue;
    if (best == nullptr || before(*link, *best)) best = link.get();
  }
  return best;
}

void MuxLinks::Serve(PooledStream& stream, MuxLink& link, bool at_once) {
  stream.AwaitMux(false);
  stream.OnAcquired(metrics_, {.pooled = true, .ready = at_once, .reused = link.used()});
  link.Open(stream);
}

void MuxLinks::ServeWaiting() {
  for (int left = kOpensATurn; left > 0 && !waiting_.empty(); --left) {
    MuxLink* const link = Choose();
    if (link == nullptr) return;
    Serve(waiting_.TakeFirst(), *link, false);
  }
  // The others in the next turn, which is to come at once.
  if (!waiting_.empty()) pool_.loop().SetShortDeadline(next_turn_, pool_.loop().now());
}

void MuxLinks::FailWaiting() {
  waiting_.TellRefused();
  while (!waiting_.empty() && pool_.loop().now() - waiting_.first().opened() >= settings_.pool.acquire_timeout) {
    waiting_.TakeFirst().Lose(CloseReason::kPoolExhausted, false);
  }
}

void MuxLinks::GiveUpWaiting(MuxFailure failure) {
  for (size_t left = waiting_.size(); left > 0 && !waiting_.empty(); --left) {
    PooledStream& stream = waiting_.TakeFirst();
    if (failure == MuxFailure::kExhausted) {
      stream.Lose(CloseReason::kPoolExhausted, false);
    } else {
      stream.AwaitMux(false);
      pool_.OpenAlone(stream);
    }
  }
}

// ---- links

void MuxLinks::AskAgain() {
  ask_again_at_ = std::min(ask_again_at_, pool_.loop().now() + kAskSoon);
}

void MuxLinks::OnMuxStirred() {
  events_.OnStirred();
}

void MuxLinks::OnMuxReady(MuxLink& /*link*/) {
  speaks_ = true;
  if (std::exchange(told_, false)) {
    Announce(EventKind::kUpstream, LogLevel::kInfo, "the backend speaks mux now",
             {{"upstream", pool_.endpoint().url().address}});
  }
  OnMuxStirred();
}

void MuxLinks::OnMuxFailed(MuxLink& link, MuxFailure failure, std::string_view why) {
  if (failure == MuxFailure::kNoMux) {
    ask_again_at_ = pool_.loop().now() + kAskAgain;
    // One that serves knows better than another that was refused, as in a rolling update.
    speaks_ = Count(MuxLinkState::kReady) > 0;
    if (!speaks_ && !std::exchange(told_, true)) {
      Announce(EventKind::kUpstream, LogLevel::kWarning,
               "the backend does not speak mux: each WebSocket gets a connection of its own",
               {{"upstream", pool_.endpoint().url().address}, {"cause", why}});
    }
  }
  next_dial_ = pool_.loop().now() + kDialInterval;
  Forget(link);
  // Those that wait hear from connections of their own what is wrong, unless another link is about to come.
  if (Count(MuxLinkState::kReady) == 0) GiveUpWaiting(failure);
}

void MuxLinks::OnMuxOver(MuxLink& link) {
  next_dial_ = std::max(next_dial_, link.created() + kDialInterval);
  Forget(link);
  OnMuxStirred();
}

void MuxLinks::Forget(MuxLink& link) {
  const auto found = std::find_if(links_.begin(), links_.end(), [&](const auto& one) { return one.get() == &link; });
  pool_.loop().graveyard().Retire(std::move(*found));
  links_.erase(found);
}

size_t MuxLinks::Count(MuxLinkState state) const {
  return static_cast<size_t>(
      std::count_if(links_.begin(), links_.end(), [state](const auto& link) { return link->Is(state); }));
}

void MuxLinks::AddTo(PoolLook& look) {
  look.waiting += waiting_.size();
  look.longest_wait = std::max(look.longest_wait, waiting_.LongestWait(pool_.loop().now()));
  for (const auto& link : links_) {
    for (size_t state = 0; state < look.mux_links.size(); ++state) {
      if (link->Is(static_cast<MuxLinkState>(state))) ++look.mux_links[state];
    }
    look.mux_sessions += link->sessions();
  }
}

void MuxLinks::Turn() {
  FailWaiting();
  if (pool_.loop().now() >= next_look_) Tick();
  ServeWaiting();
  KeepLinks();
  for (const auto& link : links_) link->Turn();
}

void MuxLinks::Tick() {
  next_look_ = pool_.loop().now() + net::kTick;
  // A link that ends leaves the list.
  std::vector<MuxLink*> all;
  for (const auto& link : links_) all.push_back(link.get());
  for (MuxLink* const link : all) LookAfter(*link);
  LookForSiblings();
}

// Where Sheaf was there before the other processes, all links lead to the first: some are made anew.
void MuxLinks::LookForSiblings() {
  const TimePoint now = pool_.loop().now();
  if (now < next_sibling_ || !several_processes() || CountFresh() < Wanted()) return;
  if (CountProcesses() > 1) {
    sibling_tries_ = 0;
    return;
  }
  if (sibling_tries_ == kSiblingTries) return;
  ++sibling_tries_;
  next_sibling_ = now + kSiblingInterval;
  const auto fewest = std::min_element(links_.begin(), links_.end(), [](const auto& a, const auto& b) {
    const bool a_ready = a->Is(MuxLinkState::kReady);
    return a_ready != b->Is(MuxLinkState::kReady) ? a_ready : a->sessions() < b->sessions();
  });
  (*fewest)->BeginLeaving();
}

void MuxLinks::LookAfter(MuxLink& link) {
  const Duration interval = settings_.pool.health_check_interval;
  link.Tick(interval > Duration::zero() ? interval : kPingInterval, settings_.stall_timeout);
  if (link.over()) return;
  const Duration age = pool_.loop().now() - link.created();
  // Whoever waits for it has the other half for a connection of its own.
  if (link.Is(MuxLinkState::kOpening) && age >= settings_.pool.acquire_timeout / 2) return link.GiveUp();
  // When another one is there, so that nobody waits for it.
  if (IsOld(link) && CountFresh() > 0) link.BeginLeaving();
  if (link.sessions() == 0 && MayClose(link)) link.Close(CloseReason::kDone);
}

// An app that takes links and does not keep them is asked now and then, not all the time.
bool MuxLinks::IsHasty(const MuxLink& link) const {
  return link.Is(MuxLinkState::kLeaving) && pool_.loop().now() - link.created() < kDialInterval;
}

bool MuxLinks::IsOld(const MuxLink& link) const {
  const Duration lifetime = settings_.pool.max_lifetime;
  return lifetime > Duration::zero() && pool_.loop().now() - link.created() >= lifetime;
}

size_t MuxLinks::CountFresh() const {
  return static_cast<size_t>(std::count_if(links_.begin(), links_.end(), [this](const auto& link) {
    return link->Is(MuxLinkState::kReady) && !IsOld(*link);
  }));
}

bool MuxLinks::MayClose(const MuxLink& link) const {
  if (link.Is(MuxLinkState::kLeaving) || !wanted()) return true;
  return Count(MuxLinkState::kReady) > Wanted() &&
         pool_.loop().now() - link.unused_since() >= settings_.pool.stale_timeout;
}

// How many links there are to be, full ones not counted.
size_t MuxLinks::Wanted() const {
  if (!several_processes()) return least_;
  // Requests find room beside them.
  const size_t several = std::max(kLeastForSeveral, kLinksAProcess * CountProcesses());
  return std::max<size_t>(least_, std::min<size_t>(several, settings_.pool.max_size / 2));
}

void MuxLinks::KeepLinks() {
  const TimePoint now = pool_.loop().now();
  if (!wanted() || !pool_.may_retry() || now < next_dial_) return;
  if (std::any_of(links_.begin(), links_.end(), [this](const auto& link) { return IsHasty(*link); })) return;
  const bool serves = Count(MuxLinkState::kReady) > 0;
  if ((!speaks_ || serves) && now < ask_again_at_) return;
  for (size_t missing = Missing(); missing > 0; --missing) Dial();
}

size_t MuxLinks::Missing() const {
  const size_t opening = Count(MuxLinkState::kOpening);
  const size_t there = CountFresh() + opening;
  const size_t wanted = speaks_ ? Wanted() : 1;
  if (there < wanted) return wanted - there;
  const bool full = std::all_of(links_.begin(), links_.end(),
                                [this](const auto& link) { return !link->Is(MuxLinkState::kReady) || IsFull(*link); });
  return full && opening == 0 && !waiting_.empty() ? 1 : 0;
}

void MuxLinks::Dial() {
  MuxLinkEvents& events = *this;
  links_.push_back(std::make_unique<MuxLink>(pool_, events, metrics_));
  events_.OpenMuxLink(pool_, *links_.back());
}

}  // namespace sheaf::pool
