#include "pool/upstreams.h"

#include <algorithm>
#include <cstddef>

namespace sheaf::pool {

Upstreams::Upstreams(net::Loop& loop, PoolShare share, WorkerMetrics& metrics)
    : loop_(loop), share_(share), metrics_(metrics) {}

Upstreams::~Upstreams() = default;

Upstream* Upstreams::Find(std::string_view name) {
  const auto found = std::find_if(all_.begin(), all_.end(), [name](const auto& one) { return one->name() == name; });
  return found == all_.end() ? nullptr : found->get();
}

UpstreamRef Upstreams::Take(const Backend& backend, const UpstreamSettings& settings) {
  if (Upstream* known = Find(backend.name)) {
    known->Adopt(settings);
    known->SetEndpoints(backend.endpoints);
    return UpstreamRef(*known);
  }
  all_.push_back(std::make_unique<Upstream>(loop_, backend, settings, share_, metrics_));
  if (draining_) all_.back()->Drain();
  return UpstreamRef(*all_.back());
}

void Upstreams::SetEndpoints(const Backend& backend) {
  if (Upstream* known = Find(backend.name)) known->SetEndpoints(backend.endpoints);
}

void Upstreams::OnNoAddress(std::string_view backend) {
  if (Upstream* known = Find(backend)) known->OnNoAddress();
}

void Upstreams::Maintain() {
  // By number, since upkeep tells streams of their end, and another Upstream may be taken in answer.
  for (size_t i = 0; i < all_.size();) {
    Upstream& one = *all_[i];
    one.Maintain();
    if (one.over()) {
      all_.erase(all_.begin() + static_cast<std::ptrdiff_t>(i));
    } else {
      ++i;
    }
  }
  const bool up = std::all_of(all_.begin(), all_.end(), [](const auto& one) { return one->up() || !one->wanted(); });
  metrics_.upstream_up.Set(up ? 1 : 0);
}

void Upstreams::Drain() {
  draining_ = true;
  for (const std::unique_ptr<Upstream>& one : all_) one->Drain();
}

PoolLooks Upstreams::LookAtPools() {
  PoolLooks looks;
  for (const std::unique_ptr<Upstream>& one : all_) one->LookAtPools(looks);
  return looks;
}

size_t Upstreams::CloseSpare() {
  size_t closed = 0;
  for (const std::unique_ptr<Upstream>& one : all_) closed += one->CloseSpare();
  return closed;
}

}  // namespace sheaf::pool
