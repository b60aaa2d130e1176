#include "pool/pool_budget.h"

#include <algorithm>

namespace sheaf::pool {

bool PoolBudget::Take(std::atomic<uint32_t>& count, uint64_t limit) {
  uint32_t used = count.load(std::memory_order_relaxed);
  do {
    if (used >= limit) return false;
  } while (!count.compare_exchange_weak(used, used + 1, std::memory_order_relaxed));
  return true;
}

bool PoolBudget::TakeWaiting() {
  const int64_t busy = int64_t{links()} - spare_.load(std::memory_order_relaxed);
  const int64_t most = max_links_.load(std::memory_order_relaxed);
  const int64_t room = std::clamp<int64_t>(most - busy, 0, most);
  return Take(waiting_, max_waiting_.load(std::memory_order_relaxed) + static_cast<uint64_t>(room));
}

}  // namespace sheaf::pool
