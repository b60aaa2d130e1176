#include "proxy/admin/liveness.h"

#include <algorithm>

namespace sheaf {

Liveness::Liveness(const MetricsRegistry& registry, TimePoint now) : registry_(registry), last_look_(now) {
  for (size_t i = 0; i < registry.workers(); ++i) seen_.push_back({registry.worker(i).loop_turns_total.value(), now});
}

void Liveness::Look(TimePoint now) {
  // When nobody looked for long, the whole process was held up (suspended, or starved of CPU): begin anew.
  const bool was_away = now - last_look_ > kLongestTurn / 2;
  last_look_ = now;
  for (size_t i = 0; i < seen_.size(); ++i) {
    const uint64_t turns = registry_.worker(i).loop_turns_total.value();
    if (was_away || turns != seen_[i].turns) seen_[i] = {turns, now};
  }
  live_ = std::all_of(seen_.begin(), seen_.end(), [now](const Seen& seen) { return now - seen.at <= kLongestTurn; });
}

}  // namespace sheaf
