// How many sessions get their Close now, so that all have it when the window ends and no moment sees a crowd of them:
// their clients come back about as they were told to go. Pure: time is an argument.
//
//   DrainPace pace(now, window, RandomFraction());
//   for (size_t left = pace.Due(now, open); left > 0; --left) ...       // every tick
//
// One for each worker, with the sessions that it has; one thread only.
#pragma once

#include <algorithm>
#include <cstddef>

#include "proxy/base/clock.h"

namespace sheaf {

class DrainPace {
 public:
  // So few sessions of the whole process are no crowd: they go at once.
  static constexpr size_t kAtOnce = 20;

  // `phase`: from 0 to 1. A random one keeps workers, and replicas that end together, from closing in step.
  DrainPace(TimePoint begin, Duration window, double phase) : end_(begin + window), seen_(begin), due_(phase) {}

  // Sessions that get their Close now; they get it. `open`: those that have not had it; more may have come since the
  // last time.
  size_t Due(TimePoint now, size_t open) {
    if (now >= end_) return open;
    // What is owed is among the open ones and must not count twice.
    const double rest = std::max(static_cast<double>(open) - due_, 0.0);
    due_ += rest * static_cast<double>((now - seen_).count()) / static_cast<double>((end_ - seen_).count());
    seen_ = now;
    const size_t closing = std::min(static_cast<size_t>(due_), open);
    due_ -= static_cast<double>(closing);
    return closing;
  }

 private:
  TimePoint end_;
  TimePoint seen_;
  double due_;
};

}  // namespace sheaf
