#include "batching/window.h"

#include <doctest/doctest.h>

#include <initializer_list>

using namespace std::chrono_literals;

namespace sheaf::batching {
namespace {

constexpr Duration kTimeout = 50ms;
// On the grid: a period begins here.
const TimePoint kStart(kTimeout * 1000);

// The wait of the last of `count` messages that come `gap` apart from kStart on.
Duration WaitAfter(Window& window, int count, Duration gap) {
  Duration wait{};
  for (int i = 0; i < count; ++i) {
    const TimePoint now = kStart + i * gap;
    wait = window.OnMessage(now, kTimeout, true) - now;
  }
  return wait;
}

TEST_CASE("a lone message does not wait") {
  Window window;
  CHECK(window.OnMessage(kStart, kTimeout, true) == kStart);
  // Nor does the next one after a quiet spell, however fast it was before.
  CHECK(WaitAfter(window, 100, 1ms) > 0ms);
  const TimePoint later = kStart + 10s;
  CHECK(window.OnMessage(later, kTimeout, true) == later);
}

TEST_CASE("the window follows the rate") {
  struct Row {
    Duration gap;
    bool waits;
    Duration window;
  };
  // 50 ms hold 2, 3, 5, 7, 10, 50 messages.
  const Row rows[] = {{25ms, false, 0ms},   {17ms, false, 0ms}, {10ms, true, 25ms},
                      {7150us, true, 25ms}, {5ms, true, 50ms},  {1ms, true, 50ms}};
  for (const Row& row : rows) {
    CAPTURE(row.gap.count());
    Window window;
    // Into the third period, so that a whole one was measured.
    const int count = static_cast<int>(3 * kTimeout / row.gap) - 1;
    const TimePoint last = kStart + (count - 1) * row.gap;
    const Duration wait = WaitAfter(window, count, row.gap);
    CHECK((wait > 0ms) == row.waits);
    CHECK(wait <= row.window);
    if (row.waits) CHECK((last + wait).time_since_epoch() % row.window == 0ms);
  }
}

TEST_CASE("a burst earns its window within the period it begins in") {
  Window window;
  CHECK(WaitAfter(window, 3, 100us) == 0ms);
  Window longer;
  CHECK(WaitAfter(longer, 4, 100us) > 0ms);
}

TEST_CASE("sessions that begin at different times end their windows together") {
  Window one;
  Window other;
  TimePoint due_one;
  TimePoint due_other;
  for (int i = 0; i < 200; ++i) {
    due_one = one.OnMessage(kStart + i * 2ms, kTimeout, true);
    due_other = other.OnMessage(kStart + i * 2ms + 700us, kTimeout, true);
  }
  CHECK(due_one == due_other);
}

TEST_CASE("never longer than the timeout") {
  for (const Duration timeout : std::initializer_list<Duration>{1ms, 7ms, 50ms, 10s}) {
    Window window;
    for (int i = 0; i < 1000; ++i) {
      const TimePoint now = kStart + i * 137us;
      const TimePoint due = window.OnMessage(now, timeout, true);
      CHECK(due >= now);
      CHECK(due <= now + timeout);
    }
  }
}

TEST_CASE("answers do not wait") {
  Window window;
  CHECK(WaitAfter(window, 100, 1ms) > 0ms);
  const TimePoint now = kStart + 100ms;
  window.OnClientMessage();
  window.OnClientMessage();
  CHECK(window.OnMessage(now, kTimeout, true) == now);
  CHECK(window.OnMessage(now, kTimeout, true) == now);
  CHECK(window.OnMessage(now, kTimeout, true) > now);
}

TEST_CASE("what the client asked long ago is no question any more") {
  Window window;
  for (int i = 0; i < 100; ++i) window.OnClientMessage();
  // Two periods of a fast stream: the questions of the first do not last into the third.
  CHECK(WaitAfter(window, 110, 1ms) > 0ms);
}

TEST_CASE("fixed: the timeout of the message, at any rate") {
  Window window;
  for (int i = 0; i < 10; ++i) {
    const TimePoint now = kStart + i * 100ms;
    CHECK(window.OnMessage(now, kTimeout, false) == now + kTimeout);
  }
}

}  // namespace
}  // namespace sheaf::batching
