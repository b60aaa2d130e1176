#include "proxy/admin/liveness.h"

#include <doctest/doctest.h>

namespace sheaf {
namespace {

using std::chrono::seconds;

struct TwoWorkers {
  MetricsRegistry registry{"1.0"};
  WorkerMetrics& first = registry.AddWorker();
  WorkerMetrics& second = registry.AddWorker();
  TimePoint now{seconds(1000)};
  Liveness liveness{registry, now};

  // Looks every second for `time`; the second worker turns only if `second_turns`.
  void Pass(Duration time, bool second_turns) {
    for (const TimePoint end = now + time; now < end;) {
      now += seconds(1);
      first.loop_turns_total.Add();
      if (second_turns) second.loop_turns_total.Add();
      liveness.Look(now);
    }
  }
};

TEST_CASE("Workers that turn are alive") {
  TwoWorkers workers;
  CHECK(workers.liveness.live());
  workers.Pass(Liveness::kLongestTurn * 3, true);
  CHECK(workers.liveness.live());
}

TEST_CASE("One worker that makes no turn for longer than the limit ends liveness") {
  TwoWorkers workers;
  workers.Pass(seconds(3), true);
  workers.Pass(Liveness::kLongestTurn, false);
  CHECK(workers.liveness.live());
  workers.Pass(seconds(1), false);
  CHECK_FALSE(workers.liveness.live());
}

TEST_CASE("A worker that turns again is alive again") {
  TwoWorkers workers;
  workers.Pass(Liveness::kLongestTurn + seconds(2), false);
  REQUIRE_FALSE(workers.liveness.live());
  workers.Pass(seconds(1), true);
  CHECK(workers.liveness.live());
}

TEST_CASE("A process that was suspended as a whole is not taken for one that hangs") {
  TwoWorkers workers;
  workers.Pass(seconds(3), true);
  workers.now += std::chrono::hours(1);
  workers.liveness.Look(workers.now);
  CHECK(workers.liveness.live());
  workers.Pass(Liveness::kLongestTurn + seconds(1), false);
  CHECK_FALSE(workers.liveness.live());
}

}  // namespace
}  // namespace sheaf
