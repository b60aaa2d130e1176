#include "proxy/base/endpoint_counters.h"

#include <algorithm>
#include <tuple>

namespace sheaf {

std::shared_ptr<EndpointCounters> EndpointTable::Find(std::string_view backend, std::string_view endpoint) {
  const std::lock_guard lock(mutex_);
  all_.erase(std::remove_if(all_.begin(), all_.end(), [](const auto& one) { return one.expired(); }), all_.end());
  for (const std::weak_ptr<EndpointCounters>& one : all_) {
    if (auto found = one.lock(); found && found->backend == backend && found->endpoint == endpoint) return found;
  }
  auto made = std::make_shared<EndpointCounters>(backend, endpoint);
  all_.push_back(made);
  return made;
}

std::vector<std::shared_ptr<const EndpointCounters>> EndpointTable::All() const {
  std::vector<std::shared_ptr<const EndpointCounters>> living;
  {
    const std::lock_guard lock(mutex_);
    for (const std::weak_ptr<EndpointCounters>& one : all_) {
      if (auto found = one.lock()) living.push_back(std::move(found));
    }
  }
  std::sort(living.begin(), living.end(), [](const auto& a, const auto& b) {
    return std::tie(a->backend, a->endpoint) < std::tie(b->backend, b->endpoint);
  });
  return living;
}

}  // namespace sheaf
