#include "proxy/control/lifecycle.h"

#include <doctest/doctest.h>

#include <optional>

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
  void OnEnding() override {
    CHECK(life.stage() == Stage::kDelaying);
    ++endings;
  }
  void OnDrain(Duration given) override {
    CHECK_FALSE(window.has_value());
    window = given;
  }

  Options::Drain options;
  std::optional<Duration> window;
  int endings = 0;
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
    CHECK(is.life.ending());
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

}  // namespace sheaf
