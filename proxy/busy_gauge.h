// Whether a worker is busy: then its clients' messages wait longer for company, since CPU is what is short. Pure: the
// time and the CPU time used so far are arguments.
//
//   BusyGauge gauge(share);
//   if (gauge.Due(now)) gauge.Look(now, cpu);       // about once a second
//   gauge.busy()
//
// Busy from a second on in which it used over half of the CPU it can have; no more, when it has used under a third for
// five seconds. One thread only.
#pragma once

#include <chrono>

#include "proxy/base/clock.h"

namespace sheaf {

class BusyGauge {
 public:
  static constexpr Duration kInterval = std::chrono::seconds(1);
  static constexpr Duration kCalm = std::chrono::seconds(5);
  static constexpr double kBusyFrom = 1.0 / 2;
  static constexpr double kCalmUnder = 1.0 / 3;

  // `share`: of a CPU, that the worker can have at most; greater than 0.
  explicit BusyGauge(double share) : share_(share) {}

  bool Due(TimePoint now) const { return now - looked_at_ >= kInterval; }

  // `cpu`: what the worker's thread has used since it began.
  void Look(TimePoint now, Duration cpu) {
    using Seconds = std::chrono::duration<double>;
    const double used = Seconds(cpu - cpu_) / (Seconds(now - looked_at_) * share_);
    if (used >= kCalmUnder) calm_since_ = now;
    if (used > kBusyFrom) busy_ = true;
    if (now - calm_since_ >= kCalm) busy_ = false;
    looked_at_ = now;
    cpu_ = cpu;
  }

  bool busy() const { return busy_; }

 private:
  const double share_;
  TimePoint looked_at_{};
  TimePoint calm_since_{};
  Duration cpu_{};
  bool busy_ = false;
};

}  // namespace sheaf
