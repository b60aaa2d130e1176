#include "proxy/control/lifecycle.h"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

namespace sheaf {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kBegin{1h};
constexpr Lifecycle::Ending kTerm{.signal = "SIGTERM"};
constexpr Lifecycle::Ending kControlC{.signal = "SIGINT", .hurried = true};

struct Life : LifecycleEvents {
  explicit Life(std::chrono::milliseconds delay = 5s, std::chrono::milliseconds timeout = 25s,
                Duration close_timeout = 5s)
      : options{.delay = delay, .timeout = timeout}, life(options, close_timeout, *this) {
    SetLogLevel(LogLevel::kError);
  }
  void OnEnding() override { ++endings; }
  void OnDrain(Duration given) override {
    ++told_to_go;
    window = given;
  }
  Result<bool> OnUndrain() override {
    if (!can_listen) return Error{"no port"};
    ++undrained;
    return true;
  }
  void OnDrainOver(DrainEnd end) override { ends.push_back(end); }

  Options::Drain options;
  std::optional<Duration> window;
  int endings = 0;
  int told_to_go = 0;
  int undrained = 0;
  bool can_listen = true;
  std::vector<DrainEnd> ends;
  Lifecycle life;
};

}  // namespace

TEST_CASE("SIGTERM delays, drains, and stops when the last client has gone") {
  Life is;
  CHECK(is.life.stage() == Stage::kStarting);
  is.life.Serve();
  CHECK(is.life.stage() == Stage::kServing);
  is.life.Look(kBegin - 1s, 0);
  CHECK(is.life.stage() == Stage::kServing);
  CHECK(is.endings == 0);
  is.life.End(kTerm, kBegin);
  CHECK(is.endings == 1);
  CHECK(is.life.stage() == Stage::kDelaying);
  is.life.Look(kBegin + 4999ms, 0);
  CHECK(is.life.stage() == Stage::kDelaying);
  is.life.Look(kBegin + 5s, 7);
  CHECK(is.life.stage() == Stage::kDraining);
  is.life.Look(kBegin + 9s, 1);
  CHECK(is.life.stage() == Stage::kDraining);
  is.life.Look(kBegin + 10s, 0);
  CHECK(is.life.stopped());
  CHECK_FALSE(is.life.cut_short());
}

TEST_CASE("what has not gone when drain.timeout is over is cut off, delay included") {
  Life is(5s, 25s);
  is.life.Serve();
  is.life.End(kTerm, kBegin);
  is.life.Look(kBegin + 5s, 3);
  is.life.Look(kBegin + 24999ms, 3);
  CHECK(is.life.stage() == Stage::kDraining);
  is.life.Look(kBegin + 25s, 3);
  CHECK(is.life.stopped());
  CHECK_FALSE(is.life.cut_short());
}

TEST_CASE("without a delay it drains at once, but workers have a moment to take in who waits to be accepted") {
  Life is(0s, 25s);
  is.life.Serve();
  is.life.End(kTerm, kBegin);
  CHECK(is.life.stage() == Stage::kDraining);
  is.life.Look(kBegin + 19ms, 0);
  CHECK(is.life.stage() == Stage::kDraining);
  is.life.Look(kBegin + 20ms, 0);
  CHECK(is.life.stopped());
}

TEST_CASE("the delay ends with drain.timeout where that is shorter") {
  Life is(30s, 10s);
  is.life.Serve();
  is.life.End(kTerm, kBegin);
  is.life.Look(kBegin + 10s, 3);
  CHECK(is.life.stage() == Stage::kDraining);
  CHECK(is.window == Duration(0));
  is.life.Look(kBegin + 10020ms, 3);
  CHECK(is.life.stopped());
}

TEST_CASE("the window leaves time for the last Close handshakes, but at most four tenths of it") {
  struct Row {
    std::chrono::milliseconds delay, timeout;
    Duration close_timeout, window;
  };
  const Row rows[] = {{5s, 25s, 5s, 14s},        {0s, 60s, 5s, 54s},     {0s, 5s, 5s, 3s},
                      {0s, 30s, 500ms, 28500ms}, {0s, 1s, 10min, 600ms}, {0s, 0s, 5s, 0s}};
  for (const Row& row : rows) {
    CAPTURE(row.timeout.count());
    Life is(row.delay, row.timeout, row.close_timeout);
    is.life.Serve();
    is.life.End(kTerm, kBegin);
    is.life.Look(kBegin + row.delay, 1);
    CHECK(is.window == row.window);
  }
}

TEST_CASE("a window is counted from when the drain begins in truth") {
  Life is(5s, 25s, 5s);
  is.life.Serve();
  is.life.End(kTerm, kBegin);
  is.life.Look(kBegin + 9s, 1);  // the thread did not run meanwhile
  CHECK(is.window == Duration(16s - 6s));
}

TEST_CASE("at a terminal there is no delay, and two seconds are all that it takes") {
  Life is(5s, 25s);
  is.life.Serve();
  is.life.End(kControlC, kBegin);
  CHECK(is.life.stage() == Stage::kDraining);
  CHECK(is.window == Duration(1200ms));
  is.life.Look(kBegin + 1999ms, 1);
  CHECK(is.life.stage() == Stage::kDraining);
  is.life.Look(kBegin + 2s, 1);
  CHECK(is.life.stopped());
  CHECK_FALSE(is.life.cut_short());
}

TEST_CASE("a drain.timeout under two seconds holds at a terminal too") {
  Life is(0s, 1s);
  is.life.Serve();
  is.life.End(kControlC, kBegin);
  is.life.Look(kBegin + 1s, 1);
  CHECK(is.life.stopped());
}

TEST_CASE("a second signal ends it at once, amid the delay and amid the drain") {
  for (const Duration after : {Duration(1s), Duration(6s)}) {
    Life is;
    is.life.Serve();
    is.life.End(kTerm, kBegin);
    is.life.Look(kBegin + after, 5);
    CHECK(is.life.draining());
    is.life.End(kTerm, kBegin + after);
    CHECK(is.life.stopped());
    CHECK(is.life.cut_short());
  }
}

TEST_CASE("a signal before it serves stops it, and nothing was cut short") {
  Life is;
  is.life.End(kTerm, kBegin);
  CHECK(is.life.stopped());
  CHECK_FALSE(is.life.cut_short());
  CHECK_FALSE(is.window.has_value());
  is.life.End(kTerm, kBegin);
  CHECK_FALSE(is.life.cut_short());
}

TEST_CASE("an operator's drain is that of a signal, and leaves the process there") {
  Life is;
  is.life.Serve();
  is.life.Drain("test", kBegin);
  CHECK(is.life.stage() == Stage::kDelaying);
  is.life.Look(kBegin + 5s, 7);
  CHECK(is.life.stage() == Stage::kDraining);
  CHECK(is.window == Duration(14s));
  is.life.Look(kBegin + 10s, 0);
  CHECK(is.life.stage() == Stage::kDrained);
  CHECK(is.ends == std::vector<DrainEnd>{DrainEnd::kOver});
  is.life.Drain("test", kBegin + 11s);
  is.life.Look(kBegin + 60s, 0);
  CHECK(is.life.stage() == Stage::kDrained);
  CHECK(is.told_to_go == 1);
}

TEST_CASE("an operator's drain is over when drain.timeout is, though some have not left") {
  Life is;
  is.life.Serve();
  is.life.Drain("test", kBegin);
  is.life.Look(kBegin + 5s, 7);
  is.life.Look(kBegin + 24999ms, 1);
  CHECK(is.life.stage() == Stage::kDraining);
  is.life.Look(kBegin + 25s, 1);
  CHECK(is.life.stage() == Stage::kDrained);
}

// D: an operator's drain, U: an undrain, S: SIGTERM, C: Ctrl-C at a terminal; each 1 s after the one before. Of the
// drain: 1.5 s of delay, 10 s in all, and the last client goes 5 s after its begin.
TEST_CASE("in whatever order operators and signals come, there is one drain, and the process ends once") {
  struct Row {
    const char* events;
    Stage stage;       // 1 s after the last of them
    int told_to_go;    // how often
    Duration stopped;  // when, after the first one; Duration::max(): not at all
    bool cut_short;
  };
  constexpr Duration kNever = Duration::max();
  using enum Stage;
  const Row rows[] = {
      {"D", kDelaying, 0, kNever, false},      {"U", kServing, 0, kNever, false},
      {"DD", kDraining, 1, kNever, false},     {"DU", kServing, 0, kNever, false},
      {"DUD", kDelaying, 0, kNever, false},    {"DDU", kServing, 1, kNever, false},
      {"DDDU", kServing, 1, kNever, false},    {"DDDDDD", kDrained, 1, kNever, false},
      {"DDDDDDU", kServing, 1, kNever, false}, {"DDDDDDUD", kDelaying, 1, kNever, false},
      {"S", kDelaying, 0, 5s, false},          {"SD", kDraining, 1, 5s, false},
      {"SU", kDraining, 1, 5s, false},         {"SS", kStopped, 0, 1s, true},
      {"SDS", kStopped, 1, 2s, true},          {"SDDDDDS", kStopped, 1, 5s, false},
      {"DS", kDraining, 1, 5s, false},         {"DDS", kDraining, 1, 5s, false},
      {"DSS", kStopped, 1, 2s, true},          {"DSU", kDraining, 1, 5s, false},
      {"DSUS", kStopped, 1, 3s, true},         {"DC", kDraining, 1, 3s, false},
      {"DDDC", kDraining, 2, 5s, false},       {"DDDDDDS", kStopped, 1, 6s, false},
      {"DUS", kDelaying, 0, 7s, false},        {"DDDDDDUS", kDelaying, 1, 12s, false},
  };
  for (const Row& row : rows) {
    const std::string events = row.events;
    CAPTURE(events);
    Life is(1500ms, 10s);
    is.life.Serve();
    Duration stopped = kNever;
    TimePoint drain_began{};
    const auto pass = [&](TimePoint from, TimePoint to) {
      for (TimePoint now = from; now < to; now += Lifecycle::kLook) {
        is.life.Look(now, now - drain_began < 5s ? 1 : 0);
        if (is.life.stopped() && stopped == kNever) stopped = now - kBegin;
      }
    };
    TimePoint now = kBegin;
    for (const char event : events) {
      const bool idle = is.life.stage() == kServing;
      if (event == 'D') is.life.Drain("test", now);
      if (event == 'U')
        CHECK(is.life.Undrain().ok() ==
              (events.find('S') == std::string::npos || events == "DUS" || events == "DDDDDDUS"));
      if (event == 'S') is.life.End(kTerm, now);
      if (event == 'C') is.life.End(kControlC, now);
      if (idle) drain_began = now;
      pass(now, now + 1s);
      now += 1s;
    }
    CHECK(is.life.stage() == row.stage);
    CHECK(is.told_to_go == row.told_to_go);
    pass(now, now + 60s);
    CHECK(is.life.cut_short() == row.cut_short);
    CHECK((stopped == kNever) == (row.stopped == kNever));
    if (row.stopped != kNever) {
      CHECK(stopped >= row.stopped);
      CHECK(stopped <= row.stopped + Lifecycle::kLook);
    }
  }
}

TEST_CASE("an undrain that cannot listen again changes nothing, and one amid the delay needs not to") {
  Life is;
  is.can_listen = false;
  is.life.Serve();
  is.life.Drain("test", kBegin);
  CHECK(is.life.Undrain().ok());
  CHECK(is.ends == std::vector<DrainEnd>{DrainEnd::kUndrained});
  is.life.Drain("test", kBegin);
  is.life.Look(kBegin + 5s, 1);
  const Result<bool> failed = is.life.Undrain();
  REQUIRE_FALSE(failed.ok());
  CHECK(failed.error() == "no port");
  CHECK(is.life.stage() == Stage::kDraining);
  is.can_listen = true;
  CHECK(is.life.Undrain().ok());
  CHECK(is.undrained == 1);
  CHECK(is.life.stage() == Stage::kServing);
}

}  // namespace sheaf
