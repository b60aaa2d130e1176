// Who asks for drains, and what each is told.
#include "proxy/control/drain_desk.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "proxy/base/log.h"

namespace sheaf {
namespace {

using namespace std::chrono_literals;
using State = DrainAnswer::State;

constexpr TimePoint kBegin{1h};

struct Desk : LifecycleEvents {
  Desk() {
    SetLogLevel(LogLevel::kError);
    life.Serve();
  }
  void OnEnding() override {}
  void OnDrain(Duration /*window*/) override { drains.OnDrain(); }
  Result<bool> OnUndrain() override { return true; }
  void OnDrainOver(DrainEnd end) override { drains.OnDrainOver(end); }

  DrainDesk::Answered Note() {
    return [this](const DrainAnswer& answer) { answers.push_back(answer); };
  }
  // So many sessions are open; so many more have ended by a drain.
  void Count(int64_t open, uint64_t drained) {
    worker.websocket_sessions.Set(open);
    worker.websocket_closes_total[CloseReason::kDrain].Add(drained);
  }

  MetricsRegistry metrics{"1"};
  WorkerMetrics& worker = metrics.AddWorker();
  Lifecycle life{{.delay = 0ms, .timeout = 10s}, 5s, *this};
  DrainDesk drains{life, metrics};
  std::vector<DrainAnswer> answers;
};

}  // namespace

TEST_CASE("all who wait are told when it is over, and who comes later at once") {
  Desk it;
  it.Count(7, 0);
  it.drains.Await(kBegin, it.Note());
  it.drains.Await(kBegin + 1s, it.Note());
  CHECK(it.answers.empty());
  it.drains.Begin(kBegin + 1s, it.Note());
  REQUIRE(it.answers.size() == 1);
  CHECK(it.answers[0].state == State::kDraining);
  CHECK(it.answers[0].sessions == 7);
  it.Count(0, 6);
  it.life.Look(kBegin + 2s, 0);
  it.drains.Await(kBegin + 3s, it.Note());
  it.drains.Begin(kBegin + 3s, it.Note());
  REQUIRE(it.answers.size() == 5);
  for (size_t i = 1; i < it.answers.size(); ++i) {
    CHECK(it.answers[i].state == State::kDrained);
    CHECK(it.answers[i].sessions == 0);
    CHECK(it.answers[i].closed == 6);
  }
}

TEST_CASE("a drain counts what it has ended itself, not what one before has") {
  Desk it;
  it.drains.Await(kBegin, it.Note());
  it.Count(2, 5);
  it.drains.Undrain(it.Note());
  REQUIRE(it.answers.size() == 2);
  CHECK(it.answers[0].state == State::kRefused);
  CHECK(it.answers[0].refusal.find("POST /undrain") != std::string::npos);
  CHECK(it.answers[1].state == State::kServing);
  it.drains.Await(kBegin + 1s, it.Note());
  it.Count(0, 2);
  it.life.Look(kBegin + 2s, 0);
  CHECK(it.answers[2].closed == 2);
}

TEST_CASE("who waits is told of the end that a signal makes, and that it was cut short") {
  Desk joined;
  joined.drains.Await(kBegin, joined.Note());
  joined.life.End({.signal = "SIGTERM"}, kBegin + 1s);
  joined.drains.Undrain(joined.Note());
  REQUIRE(joined.answers.size() == 1);
  CHECK(joined.answers[0].state == State::kRefused);
  joined.life.Look(kBegin + 2s, 0);
  CHECK(joined.answers[1].state == State::kDrained);
  CHECK(joined.life.stopped());

  Desk cut;
  cut.life.End({.signal = "SIGTERM"}, kBegin);
  cut.drains.Await(kBegin + 1s, cut.Note());
  cut.life.End({.signal = "SIGTERM"}, kBegin + 1s);
  REQUIRE(cut.answers.size() == 1);
  CHECK(cut.answers[0].state == State::kRefused);
}

}  // namespace sheaf
