// Coarse deadlines, with time made by hand.
#include "proxy/net/tick_wheel.h"

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <vector>

namespace sheaf::net {
namespace {

using std::chrono::milliseconds;

constexpr TimePoint kStart{std::chrono::hours(5)};

struct Handler final : DeadlineHandler {
  int fired = 0;
  std::function<void(Deadline&)> then;

  void OnDeadline(Deadline& deadline) override {
    ++fired;
    CHECK_FALSE(deadline.set());
    if (then) then(deadline);
  }
};

}  // namespace

TEST_CASE("a deadline never fires early and at most one tick late") {
  for (int set_at = 0; set_at < 250; set_at += 7) {
    for (const int after : {0, 1, 50, 99, 100, 101, 250, 1000}) {
      CAPTURE(set_at);
      CAPTURE(after);
      TickWheel wheel(kStart, kTick);
      Handler handler;
      Deadline deadline(handler);
      wheel.Advance(kStart + milliseconds(set_at));
      wheel.Set(deadline, kStart + milliseconds(set_at), milliseconds(after));
      CHECK(deadline.set());
      for (int now = set_at; now < set_at + after; ++now) wheel.Advance(kStart + milliseconds(now));
      CHECK_EQ(handler.fired, 0);
      wheel.Advance(kStart + milliseconds(set_at + after) + kTick);
      CHECK_EQ(handler.fired, 1);
      CHECK_FALSE(deadline.set());
    }
  }
}

TEST_CASE("a negative time is due at the next tick") {
  TickWheel wheel(kStart, kTick);
  Handler handler;
  Deadline deadline(handler);
  wheel.Set(deadline, kStart, milliseconds(-500));
  wheel.Advance(kStart);
  CHECK_EQ(handler.fired, 0);
  wheel.Advance(kStart + kTick);
  CHECK_EQ(handler.fired, 1);
}

TEST_CASE("deadlines further away than the wheel is round fire in their own turn of it") {
  for (const int ticks : {511, 512, 513, 1023, 1024, 1025, 5000}) {
    CAPTURE(ticks);
    TickWheel wheel(kStart, kTick);
    Handler handler;
    Deadline deadline(handler);
    wheel.Set(deadline, kStart, kTick * ticks);
    for (int tick = 0; tick < ticks; ++tick) wheel.Advance(kStart + kTick * tick);
    CHECK_EQ(handler.fired, 0);
    CHECK(deadline.set());
    wheel.Advance(kStart + kTick * (ticks + 1));
    CHECK_EQ(handler.fired, 1);
  }
}

TEST_CASE("after a sleep longer than the wheel is round all that is due fires once, and nothing else") {
  TickWheel wheel(kStart, kTick);
  Handler due, far;
  std::vector<std::unique_ptr<Deadline>> deadlines;
  for (int tick = 0; tick < 1500; tick += 3) {
    deadlines.push_back(std::make_unique<Deadline>(tick < 1400 ? due : far));
    wheel.Set(*deadlines.back(), kStart, kTick * tick);
  }
  const int expected = (1400 + 2) / 3;
  wheel.Advance(kStart + kTick * 1401 - milliseconds(1));
  CHECK_EQ(due.fired, expected);
  CHECK_EQ(far.fired, 0);
  wheel.Advance(kStart + kTick * 2000);
  CHECK_EQ(due.fired, expected);
  CHECK_EQ(far.fired, 500 - expected);
}

TEST_CASE("a deadline that is set again moves") {
  TickWheel wheel(kStart, kTick);
  Handler handler;
  Deadline deadline(handler);
  wheel.Set(deadline, kStart, milliseconds(100));
  wheel.Set(deadline, kStart, milliseconds(1000));
  wheel.Advance(kStart + milliseconds(900));
  CHECK_EQ(handler.fired, 0);
  wheel.Set(deadline, kStart + milliseconds(900), milliseconds(0));
  wheel.Advance(kStart + milliseconds(1000));
  CHECK_EQ(handler.fired, 1);
  wheel.Advance(kStart + milliseconds(5000));
  CHECK_EQ(handler.fired, 1);
}

TEST_CASE("a deadline that is cancelled, or whose owner dies, does not fire") {
  TickWheel wheel(kStart, kTick);
  Handler handler;
  Deadline cancelled(handler);
  wheel.Cancel(cancelled);
  {
    Deadline dies(handler);
    wheel.Set(dies, kStart, milliseconds(100));
  }
  wheel.Set(cancelled, kStart, milliseconds(100));
  wheel.Cancel(cancelled);
  wheel.Cancel(cancelled);
  CHECK_FALSE(cancelled.set());
  wheel.Advance(kStart + milliseconds(1000));
  CHECK_EQ(handler.fired, 0);
}

TEST_CASE("a handler may set its own deadline again, for a later tick only") {
  TickWheel wheel(kStart, kTick);
  Handler handler;
  Deadline deadline(handler);
  TimePoint now = kStart;
  handler.then = [&](Deadline& self) { wheel.Set(self, now, milliseconds(0)); };
  wheel.Set(deadline, now, milliseconds(0));
  for (int i = 1; i <= 1000; ++i) {
    now = kStart + kTick * i;
    wheel.Advance(now);
    CHECK_EQ(handler.fired, i);
  }
}

TEST_CASE("a handler may set its deadline exactly one turn of the wheel ahead") {
  TickWheel wheel(kStart, kTick);
  Handler handler;
  Deadline deadline(handler);
  TimePoint now = kStart + kTick;
  handler.then = [&](Deadline& self) { wheel.Set(self, now, kTick * 511); };
  wheel.Set(deadline, kStart, milliseconds(0));
  wheel.Advance(now);
  CHECK_EQ(handler.fired, 1);
  now = kStart + kTick * 512;
  wheel.Advance(now);
  CHECK_EQ(handler.fired, 1);
  now = kStart + kTick * 513;
  wheel.Advance(now);
  CHECK_EQ(handler.fired, 2);
}

TEST_CASE("a handler may cancel deadlines that are due in the same tick, before and behind its own") {
  for (int canceller = 0; canceller < 5; ++canceller) {
    CAPTURE(canceller);
    TickWheel wheel(kStart, kTick);
    Handler handlers[5];
    std::vector<std::unique_ptr<Deadline>> deadlines;
    for (Handler& handler : handlers) deadlines.push_back(std::make_unique<Deadline>(handler));
    handlers[canceller].then = [&](Deadline&) {
      for (auto& deadline : deadlines) wheel.Cancel(*deadline);
    };
    for (auto& deadline : deadlines) wheel.Set(*deadline, kStart, milliseconds(10));
    wheel.Advance(kStart + milliseconds(1000));
    for (int i = 0; i < 5; ++i) CHECK_EQ(handlers[i].fired, i <= canceller ? 1 : 0);
  }
}

TEST_CASE("a handler may destroy another deadline of the same tick") {
  TickWheel wheel(kStart, kTick);
  Handler first, second;
  Deadline one(first);
  auto two = std::make_unique<Deadline>(second);
  first.then = [&](Deadline&) { two.reset(); };
  wheel.Set(one, kStart, milliseconds(10));
  wheel.Set(*two, kStart, milliseconds(10));
  wheel.Advance(kStart + milliseconds(1000));
  CHECK_EQ(first.fired, 1);
  CHECK_EQ(second.fired, 0);
}

TEST_CASE("ten thousand deadlines fire once each") {
  TickWheel wheel(kStart, kTick);
  std::vector<Handler> handlers(10'000);
  std::vector<std::unique_ptr<Deadline>> deadlines;
  for (size_t i = 0; i < handlers.size(); ++i) {
    deadlines.push_back(std::make_unique<Deadline>(handlers[i]));
    wheel.Set(*deadlines.back(), kStart, milliseconds((i * 7919) % 100'000));
  }
  for (int now = 0; now <= 101'000; now += 130) wheel.Advance(kStart + milliseconds(now));
  for (const Handler& handler : handlers) CHECK_EQ(handler.fired, 1);
}

}  // namespace sheaf::net
