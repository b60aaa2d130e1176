#include "proxy/control/drain_pace.h"

#include <doctest/doctest.h>

#include <numeric>
#include <vector>

namespace sheaf {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kBegin{1h};

// What goes in each tick until all have gone, `window` after the begin at the latest.
std::vector<size_t> Closes(size_t sessions, Duration window, double phase = 0) {
  DrainPace pace(kBegin, window, phase);
  std::vector<size_t> closes;
  for (TimePoint now = kBegin; sessions > 0 && now <= kBegin + window + 100ms; now += 100ms) {
    closes.push_back(pace.Due(now, sessions));
    sessions -= closes.back();
  }
  CHECK_EQ(sessions, 0);
  return closes;
}

}  // namespace

TEST_CASE("many go evenly: no tick closes one more than its share") {
  for (const size_t sessions : {21, 40, 300, 9000}) {
    for (const double phase : {0.0, 0.5, 0.99}) {
      CAPTURE(sessions);
      CAPTURE(phase);
      const std::vector<size_t> closes = Closes(sessions, 12s, phase);
      CHECK(closes.size() >= 115);
      for (const size_t in_tick : closes)
        CHECK(static_cast<double>(in_tick) <= static_cast<double>(sessions) / 120 + 1.01);
    }
  }
}

TEST_CASE("fewer than one a tick still go evenly, and none of them early") {
  const std::vector<size_t> closes = Closes(6, 6s);
  size_t gone = 0;
  for (size_t tick = 0; tick < closes.size(); ++tick) {
    gone += closes[tick];
    CAPTURE(tick);
    CHECK(static_cast<double>(gone) <= static_cast<double>(tick) / 10 + 1e-6);
    CHECK(static_cast<double>(gone) >= static_cast<double>(tick) / 10 - 1.01);
  }
}

TEST_CASE("without a window all go at once, those that come later too") {
  DrainPace pace(kBegin, 0s, 0.5);
  CHECK_EQ(pace.Due(kBegin, 20), 20);
  CHECK_EQ(pace.Due(kBegin + 100ms, 0), 0);
  CHECK_EQ(pace.Due(kBegin + 200ms, 3), 3);
}

TEST_CASE("those that come out of handshakes meanwhile are spread over what is left") {
  DrainPace pace(kBegin, 10s, 0);
  size_t open = 100;
  std::vector<size_t> seconds(11, 0);
  for (int tick = 0; tick <= 100; ++tick) {
    if (tick == 50) open += 100;
    const size_t now = pace.Due(kBegin + tick * 100ms, open);
    open -= now;
    seconds[static_cast<size_t>(tick / 10)] += now;
  }
  CHECK_EQ(open, 0);
  CHECK_EQ(std::accumulate(seconds.begin(), seconds.end(), size_t{0}), 200);
  for (size_t second = 0; second < 10; ++second) {
    CAPTURE(second);
    CHECK(seconds[second] >= (second < 5 ? 9 : 28));
    CHECK(seconds[second] <= (second < 5 ? 11 : 32));
  }
}

TEST_CASE("a worker that slept through ticks catches up, and is over in time") {
  DrainPace pace(kBegin, 10s, 0);
  CHECK_EQ(pace.Due(kBegin + 5s, 100), 50);
  CHECK_EQ(pace.Due(kBegin + 10s, 50), 50);
}

TEST_CASE("sessions that end by themselves leave fewer to close, never more than there are") {
  DrainPace pace(kBegin, 10s, 0.9);
  CHECK(pace.Due(kBegin + 5s, 10) <= 10);
  CHECK_EQ(pace.Due(kBegin + 6s, 0), 0);
  CHECK(pace.Due(kBegin + 9s, 1) <= 1);
  CHECK_EQ(pace.Due(kBegin + 10s, 1), 1);
}

}  // namespace sheaf
