#include "pool/upstream.h"

#include <algorithm>
#include <utility>

#include "pool/mux_handshake.h"
#include "pool/mux_link.h"

namespace sheaf::pool {

Upstream::Upstream(net::Loop& loop, const Backend& backend, UpstreamSettings settings, PoolShare share,
                   WorkerMetrics& metrics)
    : loop_(loop),
      name_(backend.name),
      share_(share),
      metrics_(metrics),
      settings_(std::move(settings)),
      // Workers that begin at different endpoints spread what comes at the start.
      turn_(share.index) {
  SetEndpoints(backend.endpoints);
}

Upstream::~Upstream() = default;

std::unique_ptr<HttpStream> Upstream::Send(HttpRequest request, ResponseEvents& events, Placement placement) {
  auto stream = std::make_unique<PooledStream>(*this, std::move(request), events, placement.hash);
  Place(*stream, std::move(placement));
  return stream;
}

std::unique_ptr<HttpStream> Upstream::Connect(std::shared_ptr<const Upgrade> upgrade, HandshakeEvents& events,
                                              Placement placement) {
  auto stream = std::make_unique<PooledStream>(*this, std::move(upgrade), events, placement.hash);
  Place(*stream, std::move(placement));
  return stream;
}

void Upstream::Place(PooledStream& stream, Placement placement) {
  stream.counts_ = !placement.counted;
  stream.hold_ = std::move(placement.hold);
  const bool known = placement.endpoint && placement.endpoint->backend() == name_;
  EndpointPool* const pool = known ? &PoolOf(placement.endpoint) : Choose(stream);
  if (pool == nullptr) {
    stirred_ = true;
    return homeless_.PushBack(stream);
  }
  stream.MoveTo(*pool);
  pool->Open(stream);
}

void Upstream::OpenMuxLink(EndpointPool& pool, MuxLink& link) {
  auto stream = std::make_unique<PooledStream>(*this, MuxHandshake(pool.endpoint().url().host_header, settings_.token),
                                               link.handshake_events(), 0);
  PooledStream& handshake = *stream;
  handshake.TieTo(pool);
  link.Begin(std::move(stream));
  pool.OpenAlone(handshake);
}

bool Upstream::GoElsewhere(PooledStream& stream) {
  if (stream.tied_) return false;
  if (endpoints_.size() < 2 && Find(*endpoints_.front()) == stream.pool_) return false;
  stream.refused_by_.push_back(&stream.pool_->endpoint());
  EndpointPool* const pool = Choose(stream);
  if (pool == nullptr) return false;
  metrics_.pool_failovers_total.Add();
  gone_elsewhere_ = true;
  stream.MoveTo(*pool);
  pool->Open(stream);
  return true;
}

bool Upstream::MayHave(const EndpointPool& pool, const PooledStream& stream) const {
  const auto& refused_by = stream.refused_by_;
  return !pool.endpoint().draining() &&
         std::find(refused_by.begin(), refused_by.end(), &pool.endpoint()) == refused_by.end();
}

EndpointPool* Upstream::Choose(const PooledStream& stream) {
  if (endpoints_.size() == 1) {
    EndpointPool& only = PoolOf(endpoints_.front());
    return MayHave(only, stream) ? &only : nullptr;
  }
  // Those that are known to be down only where there is no other; without health checks a request has to find out.
  const bool checked = settings_.pool.health_check_interval > Duration::zero();
  for (const bool last_resort : {false, true}) {
    candidates_.clear();
    chooses_.clear();
    size_t count_new = 0;
    for (const EndpointRef& endpoint : endpoints_) {
      EndpointPool& pool = PoolOf(endpoint);
      if (!MayHave(pool, stream)) continue;
      if (!last_resort && endpoint->down() && (checked || !pool.may_retry())) continue;
      const bool is_new = endpoint->IsNew(loop_.now(), settings_.slow_start);
      count_new += is_new ? 1 : 0;
      candidates_.push_back({endpoint->sessions(), pool.picks, is_new, pool.identity});
      chooses_.push_back(&pool);
    }
    if (candidates_.empty()) continue;
    CountNew(count_new);
    EndpointPool* const picked = chooses_[Pick(settings_.balance, candidates_, turn_++, stream.hash_)];
    ++picked->picks;
    return picked;
  }
  return nullptr;
}

// The rates of new and old ones are compared from where the set of new ones has changed.
void Upstream::CountNew(size_t count) {
  if (std::exchange(new_, count) == count) return;
  for (const auto& pool : pools_) pool->picks = 0;
}

EndpointPool* Upstream::Find(const Endpoint& endpoint) const {
  const auto found =
      std::find_if(pools_.begin(), pools_.end(), [&](const auto& one) { return &one->endpoint() == &endpoint; });
  return found == pools_.end() ? nullptr : found->get();
}

EndpointPool& Upstream::PoolOf(const EndpointRef& endpoint) {
  if (EndpointPool* const known = Find(*endpoint)) return *known;
  EndpointPoolEvents& events = *this;
  pools_.push_back(
      std::make_unique<EndpointPool>(loop_, endpoint, settings_, share_, metrics_, events, IsWanted(endpoint)));
  if (draining_) pools_.back()->Drain();
  return *pools_.back();
}

bool Upstream::IsWanted(const EndpointRef& endpoint) const {
  return wanted() && std::find(endpoints_.begin(), endpoints_.end(), endpoint) != endpoints_.end();
}

void Upstream::FollowWishes() {
  stirred_ = true;
  for (const auto& pool : pools_) pool->SetWanted(IsWanted(pool->endpoint_ref()));
}

void Upstream::SetEndpoints(const EndpointList& endpoints) {
  endpoints_ = endpoints;
  for (const EndpointRef& endpoint : endpoints_) PoolOf(endpoint).FollowAddresses();
  FollowWishes();
  // What waits for the first address of a name may have it now, at an endpoint of its own. By number: another pool may
  // be made meanwhile.
  for (size_t i = 0; i < pools_.size(); ++i) {
    if (pools_[i]->endpoint().addresses().empty()) pools_[i]->Disperse();
  }
}

void Upstream::LookAtPools(PoolLooks& looks) {
  for (const auto& pool : pools_) looks.Add(pool->Look());
}

void Upstream::OnNoAddress() {
  for (const auto& pool : pools_) {
    if (pool->endpoint().addresses().empty()) pool->OnNoAddress();
  }
}

void Upstream::Want() {
  if (++refs_ == 1) FollowWishes();
}

void Upstream::Unwant() {
  if (--refs_ == 0) FollowWishes();
}

void Upstream::Adopt(const UpstreamSettings& settings) {
  settings_ = settings;
  stirred_ = true;
  for (const auto& pool : pools_) pool->Adopt(settings);
}

void Upstream::Maintain() {
  // Most turns change nothing here, however many endpoints there are.
  if (!stirred_ && loop_.now() < next_look_) return;
  stirred_ = false;
  next_look_ = loop_.now() + net::kTick;
  TellHomeless();
  // Who has gone to another endpoint is not to wait there for the next turn.
  do {
    gone_elsewhere_ = false;
    MaintainPools();
  } while (gone_elsewhere_);
}

void Upstream::MaintainPools() {
  // By number, since upkeep tells streams of their end, and another pool may be made in answer.
  for (size_t i = 0; i < pools_.size();) {
    pools_[i]->Maintain();
    // Its time may come before the next look.
    stirred_ = stirred_ || pools_[i]->waiting() > 0;
    if (pools_[i]->over()) {
      pools_.erase(pools_.begin() + static_cast<std::ptrdiff_t>(i));
    } else {
      ++i;
    }
  }
}

void Upstream::TellHomeless() {
  while (!homeless_.empty()) homeless_.PopFront().TellHomeless();
}

void Upstream::Drain() {
  draining_ = true;
  for (const auto& pool : pools_) pool->Drain();
}

size_t Upstream::CloseSpare() {
  size_t closed = 0;
  for (const auto& pool : pools_) closed += pool->CloseSpare();
  return closed;
}

bool Upstream::up() const {
  return std::any_of(endpoints_.begin(), endpoints_.end(), [](const EndpointRef& one) { return one->up(); });
}

size_t Upstream::count(LinkState state) const {
  size_t all = 0;
  for (const auto& pool : pools_) all += pool->count(state);
  return all;
}

size_t Upstream::waiting() const {
  size_t all = homeless_.size();
  for (const auto& pool : pools_) all += pool->waiting();
  return all;
}

}  // namespace sheaf::pool
