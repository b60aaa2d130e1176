// The watchdog is fed while all workers turn, and not when one hangs.
#include "proxy/watchdog.h"

#include <doctest/doctest.h>

#include "tests/fakes/fake_manager.h"
#include "tests/fakes/loop_driver.h"

namespace sheaf {
namespace {

using namespace std::chrono_literals;

struct Watched {
  explicit Watched(Duration time) : manager({.socket = fake.name(), .watchdog = time}) {}

  // How often the manager was told within `time`, with a look each second.
  int Pass(std::chrono::seconds time, bool second_turns) {
    int told = 0;
    for (auto i = 0s; i < time; ++i) {
      now += 1s;
      first.loop_turns_total.Add();
      if (second_turns) second.loop_turns_total.Add();
      watchdog.Look(now);
      while (!fake.Take().empty()) ++told;
    }
    return told;
  }

  FakeManager fake;
  ServiceManager manager;
  MetricsRegistry registry{"1.0"};
  WorkerMetrics& first = registry.AddWorker();
  WorkerMetrics& second = registry.AddWorker();
  LoopDriver driver;
  TimePoint now = driver.loop().now();
  Watchdog watchdog{driver.loop(), registry, manager};
};

}  // namespace

TEST_CASE("The manager is told as long as all workers turn, and no more when one hangs") {
  Watched it(30s);
  CHECK(it.Pass(40s, true) == 40);
  const int patience = static_cast<int>(Liveness::kLongestTurn / 1s);
  CHECK(it.Pass(std::chrono::seconds(patience), false) == patience);
  CHECK(it.Pass(40s, false) == 0);
  CHECK(it.Pass(3s, true) == 3);
}

TEST_CASE("By itself it tells again and again") {
  Watched asked(400ms);
  int told = 0;
  asked.driver.Until([&] {
    if (asked.fake.Take() == "WATCHDOG=1") ++told;
    return told == 2;
  });
}

TEST_CASE("Without a watchdog the manager is told nothing") {
  Watched it(0s);
  it.driver.For(300ms);
  CHECK(it.fake.Take().empty());
}

}  // namespace sheaf
