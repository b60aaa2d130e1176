// Whether the workers' loops turn. A loop makes a turn at least once a tick (net::kTick), so a worker whose count
// stands still for seconds hangs, and only a restart helps.
//
//   Liveness liveness(registry, now);
//   liveness.Look(now);                  // every second or so
//   bool all_well = liveness.live();
//
// Owned by Admin; its thread only.
#pragma once

#include <cstdint>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/metrics.h"

namespace sheaf {

class Liveness {
 public:
  // A machine that is short of CPU or swaps may hold a thread up for seconds without being broken.
  static constexpr Duration kLongestTurn = std::chrono::seconds(15);

  // All workers are in `registry`, which outlives this.
  Liveness(const MetricsRegistry& registry, TimePoint now);

  // Takes note of who made a turn since the last look.
  void Look(TimePoint now);

  // As of the last look.
  bool live() const { return live_; }

 private:
  struct Seen {
    uint64_t turns;
    TimePoint at;  // the last look at which `turns` was another number
  };

  const MetricsRegistry& registry_;
  std::vector<Seen> seen_;  // one a worker
  TimePoint last_look_;
  bool live_ = true;
};

}  // namespace sheaf
