// How many clients may be cut off now: memory.shed_rate, spread evenly. Pure: time is an argument.
//
//   for (size_t left = pace.Due(now); left > 0 && ...; --left) { ...; pace.Spend(); }
//
// Clients that are closed all at once come back all at once. So what is not spent within a moment is not saved up.
//
// One for each worker, with its share of the rate; one thread only.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

#include "proxy/base/clock.h"

namespace sheaf::memwatch {

class ShedPace {
 public:
  // `rate`: clients a second, greater than 0.
  explicit ShedPace(double rate) : rate_(rate) {}

  void SetRate(double rate) { rate_ = rate; }

  // Clients that may be cut off now.
  size_t Due(TimePoint now) {
    const double seconds = std::chrono::duration<double>(now - seen_).count();
    seen_ = now;
    due_ = std::min(due_ + seconds * rate_, std::max(1.0, rate_ * kMoment));
    return static_cast<size_t>(due_);
  }
  // A client was cut off. Due must have allowed it.
  void Spend() { due_ -= 1; }

 private:
  static constexpr double kMoment = 0.2;  // seconds: two ticks of a loop

  double rate_;
  double due_ = 0;
  TimePoint seen_{};
};

}  // namespace sheaf::memwatch
