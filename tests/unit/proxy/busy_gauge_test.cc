// When a worker counts as busy, by a fake clock.
#include "proxy/busy_gauge.h"

#include <doctest/doctest.h>

namespace sheaf {
namespace {

using namespace std::chrono_literals;

// A worker that is looked at once a second.
struct Fixture {
  explicit Fixture(double share = 1) : gauge(share) { Seconds(10, 0ms); }
  void Seconds(int count, Duration cpu_a_second) {
    for (int i = 0; i < count; ++i) {
      now += 1s;
      cpu += cpu_a_second;
      CHECK(gauge.Due(now));
      gauge.Look(now, cpu);
      CHECK_FALSE(gauge.Due(now + 999ms));
    }
  }
  BusyGauge gauge;
  TimePoint now{1h};
  Duration cpu{};
};

TEST_CASE("over half of a second is busy, and half is not") {
  Fixture fixture;
  fixture.Seconds(10, 500ms);
  CHECK_FALSE(fixture.gauge.busy());
  fixture.Seconds(1, 510ms);
  CHECK(fixture.gauge.busy());
}

TEST_CASE("five seconds under a third end it, and not one less") {
  Fixture fixture;
  fixture.Seconds(1, 900ms);
  fixture.Seconds(4, 300ms);
  CHECK(fixture.gauge.busy());
  fixture.Seconds(1, 300ms);
  CHECK_FALSE(fixture.gauge.busy());
}

TEST_CASE("between a third and a half nothing changes") {
  Fixture fixture;
  fixture.Seconds(60, 450ms);
  CHECK_FALSE(fixture.gauge.busy());
  fixture.Seconds(1, 900ms);
  fixture.Seconds(60, 340ms);
  CHECK(fixture.gauge.busy());
}

TEST_CASE("a load that goes up and down does not make it flap") {
  Fixture fixture;
  int changes = 0;
  bool before = false;
  for (int i = 0; i < 100; ++i) {
    fixture.Seconds(1, i % 4 == 0 ? 900ms : 100ms);
    changes += fixture.gauge.busy() != before ? 1 : 0;
    before = fixture.gauge.busy();
  }
  CHECK_EQ(changes, 1);
}

TEST_CASE("what counts is the share of a CPU that the worker can have") {
  Fixture fixture(0.25);
  fixture.Seconds(1, 120ms);
  CHECK_FALSE(fixture.gauge.busy());
  fixture.Seconds(1, 130ms);
  CHECK(fixture.gauge.busy());
  fixture.Seconds(5, 80ms);
  CHECK_FALSE(fixture.gauge.busy());
}

}  // namespace
}  // namespace sheaf
