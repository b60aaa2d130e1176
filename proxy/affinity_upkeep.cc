#include "proxy/affinity_upkeep.h"

namespace sheaf {

void AffinityUpkeep::Turn(TimePoint now) {
  if (now < next_) return;
  next_ = now + kInterval;
  affinity_.Sweep(now);
  const pool::Affinity::Figures figures = affinity_.figures();
  metrics_.affinity_sessions.Set(static_cast<int64_t>(figures.entries));
  metrics_.affinity_bytes.Set(static_cast<int64_t>(figures.bytes));
  metrics_.affinity_learnt_total.Add(figures.learnt_total - counted_.learnt_total);
  metrics_.affinity_expired_total.Add(figures.expired_total - counted_.expired_total);
  metrics_.affinity_evicted_total.Add(figures.evicted_total - counted_.evicted_total);
  metrics_.affinity_unlearnt_total.Add(figures.unlearnt_total - counted_.unlearnt_total);
  metrics_.affinity_unknown_total.Add(figures.unknown_total - counted_.unknown_total);
  counted_ = figures;
}

}  // namespace sheaf
