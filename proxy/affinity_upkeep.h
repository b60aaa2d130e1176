// Once a second: what is over leaves the affinity table, and its figures become metrics.
//
// The first worker's; its thread only.
#pragma once

#include "pool/affinity.h"
#include "proxy/base/clock.h"
#include "proxy/base/metrics.h"

namespace sheaf {

class AffinityUpkeep {
 public:
  // What is given outlives this.
  AffinityUpkeep(pool::Affinity& affinity, WorkerMetrics& metrics) : affinity_(affinity), metrics_(metrics) {}

  // Every turn.
  void Turn(TimePoint now);

 private:
  static constexpr Duration kInterval = std::chrono::seconds(1);

  pool::Affinity& affinity_;
  WorkerMetrics& metrics_;
  TimePoint next_{};
  pool::Affinity::Figures counted_{};
};

}  // namespace sheaf
