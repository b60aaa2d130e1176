#include "pool/endpoint.h"

#include <utility>

namespace sheaf::pool {

Endpoint::Endpoint(std::shared_ptr<const Reach> reach, std::shared_ptr<EndpointCounters> counters,
                   std::vector<net::Address> addresses)
    : reach_(std::move(reach)),
      counters_(std::move(counters)),
      budget_(Options::Pool{}.max_size, Options::Pool{}.max_waiting),
      // Long ago: nothing is known of when it came.
      returned_at_(Duration::min().count() / 2),
      outage_(counters_->endpoint),
      addresses_(std::move(addresses)) {}

std::vector<net::Address> Endpoint::addresses() const {
  const std::lock_guard lock(mutex_);
  return addresses_;
}

void Endpoint::SetAddresses(std::vector<net::Address> addresses) {
  const std::lock_guard lock(mutex_);
  addresses_ = std::move(addresses);
}

void Endpoint::SetDraining(bool draining, TimePoint now) {
  const bool before = counters_->draining.exchange(draining, std::memory_order_relaxed);
  if (before && !draining) returned_at_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
}

void Endpoint::SetUp(TimePoint now) {
  fails_.store(0, std::memory_order_relaxed);
  // An outage that another thread tells of at this moment must not outlast this.
  if (up_.exchange(true, std::memory_order_relaxed) && !outage_.lasts()) return;
  counters_->up.store(true, std::memory_order_relaxed);
  const bool late = late_.exchange(false, std::memory_order_relaxed);
  // The first ones, which nobody has missed, are as old as each other.
  if (down_.exchange(false, std::memory_order_relaxed) || late) {
    returned_at_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  }
  returns_.fetch_add(1, std::memory_order_relaxed);
  outage_.End(now);
}

void Endpoint::Fail(TimePoint now, std::string_view cause, uint32_t max_fails) {
  counters_->failures_total.fetch_add(1, std::memory_order_relaxed);
  if (fails_.fetch_add(1, std::memory_order_relaxed) + 1 < max_fails) return;
  ShowUp(false);
  down_.store(true, std::memory_order_relaxed);
  outage_.Fail(now, cause);
}

}  // namespace sheaf::pool
