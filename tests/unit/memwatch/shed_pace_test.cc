#include "memwatch/shed_pace.h"

#include <doctest/doctest.h>

namespace sheaf::memwatch {
namespace {

using namespace std::chrono_literals;

// What is spent in `length`, asking at each `step`, as one who has always something to close.
size_t SpentIn(ShedPace& pace, TimePoint& now, Duration length, Duration step) {
  size_t spent = 0;
  for (const TimePoint end = now + length; now < end; now += step) {
    for (size_t due = pace.Due(now); due > 0; --due, ++spent) pace.Spend();
  }
  return spent;
}

TEST_CASE("So many a second are closed, however often it is asked") {
  for (const Duration step : {Duration(1ms), Duration(100ms)}) {
    ShedPace pace(50);
    TimePoint now{1h};
    SpentIn(pace, now, 1s, step);
    const size_t spent = SpentIn(pace, now, 10s, step);
    CHECK(spent >= 490);
    CHECK(spent <= 510);
  }
}

TEST_CASE("What is not spent in a quiet time is not saved up") {
  ShedPace pace(50);
  TimePoint now{1h};
  pace.Due(now);
  now += 1h;
  CHECK(pace.Due(now) <= 10);
}

TEST_CASE("A rate of less than one a tick still closes one now and then") {
  ShedPace pace(0.5);
  TimePoint now{1h};
  const size_t spent = SpentIn(pace, now, 20s, 100ms);
  CHECK(spent >= 9);
  CHECK(spent <= 11);
}

}  // namespace
}  // namespace sheaf::memwatch
