// Monotonic time. The data path never asks the kernel: a loop reads the clock once a turn and hands the value on.
// Tests pass a FakeClock.
#pragma once

#include <chrono>

namespace sheaf {

using Duration = std::chrono::nanoseconds;
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint Now() const = 0;
};

class SteadyClock final : public Clock {
 public:
  TimePoint Now() const override { return std::chrono::steady_clock::now(); }
};

}  // namespace sheaf
