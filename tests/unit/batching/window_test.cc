#include "batching/window.h"

#include <doctest/doctest.h>

#include <initializer_list>

using namespace std::chrono_literals;

namespace sheaf::batching {
namespace {

constexpr Duration kTimeout = 50ms;
constexpr WindowLimits kLimits{.timeout = kTimeout, .longest = kTimeout};
constexpr WindowLimits kShort{.timeout = kTimeout, .longest = 10ms};
// On the grid: a period begins here.
const TimePoint kStart(kTimeout * 1000);

// The wait of the last of `count` messages that come `gap` apart from kStart on.
Duration WaitAfter(Window& window, int count, Duration gap, const WindowLimits& limits = kLimits) {
  Duration wait{};
  for (int i = 0; i < count; ++i) {
    const TimePoint now = kStart + i * gap;
    wait = window.OnMessage(now, limits) - now;
  }
  return wait;
}

TEST_CASE("a lone message does not wait") {
  Window window;
  CHECK(window.OnMessage(kStart, kLimits) == kStart);
  // Nor does the next one after a quiet spell, however fast it was before.
  CHECK(WaitAfter(window, 100, 1ms) > 0ms);
  const TimePoint later = kStart + 10s;
  CHECK(window.OnMessage(later, kLimits) == later);
}

TEST_CASE("messages that come in a run count each, and wait as long as the first") {
  Window window;
  CHECK(window.OnMessage(kStart, kLimits, 99) == kStart);
  CHECK(window.OnMessage(kStart + 1ms, kLimits, 99) == kStart + kTimeout);

  // Those that may pass are used up by each of them.
  Window asked;
  WaitAfter(asked, 20, 1ms);
  const TimePoint now = kStart + 30ms;
  asked.OnClientMessage(now);
  CHECK(asked.OnMessage(now, kLimits, Window::kAnswerMessages - 2) == now);
  CHECK(asked.OnMessage(now, kLimits) == now);
  CHECK(asked.OnMessage(now, kLimits) > now);
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
    due_one = one.OnMessage(kStart + i * 2ms, kLimits);
    due_other = other.OnMessage(kStart + i * 2ms + 700us, kLimits);
  }
  CHECK(due_one == due_other);
}

TEST_CASE("never longer than the timeout") {
  for (const Duration timeout : std::initializer_list<Duration>{1ms, 7ms, 50ms, 10s}) {
    Window window;
    for (int i = 0; i < 1000; ++i) {
      const TimePoint now = kStart + i * 137us;
      const TimePoint due = window.OnMessage(now, {.timeout = timeout, .longest = timeout});
      CHECK(due >= now);
      CHECK(due <= now + timeout);
    }
  }
}

TEST_CASE("a wait cut short must still gather two messages") {
  struct Row {
    Duration gap;
    bool waits;
  };
  // 10 ms hold 1, 1.4, 2, 2.5, 10 messages.
  for (const Row& row : {Row{10ms, false}, Row{7150us, false}, Row{5ms, true}, Row{4ms, true}, Row{1ms, true}}) {
    CAPTURE(row.gap.count());
    Window window;
    const int count = static_cast<int>(3 * kTimeout / row.gap) - 1;
    const Duration wait = WaitAfter(window, count, row.gap, kShort);
    CHECK((wait > 0ms) == row.waits);
    CHECK(wait <= 10ms);
  }
}

TEST_CASE("fixed: a wait cut short is as long as it may be") {
  Window window;
  CHECK(window.OnMessage(kStart, {.timeout = kTimeout, .longest = 10ms, .adaptive = false}) == kStart + 10ms);
}

TEST_CASE("looking when a message would leave counts none") {
  Window window;
  CHECK(window.EndAt(kStart, kLimits) == kStart);
  CHECK(WaitAfter(window, 100, 1ms) > 0ms);
  const TimePoint now = kStart + 100ms;
  for (int i = 0; i < 100; ++i) CHECK(window.EndAt(now, kLimits) > now);
  // Two periods without any.
  CHECK(window.EndAt(now + 2 * kTimeout, kLimits) > now);
  CHECK(window.OnMessage(now + 2 * kTimeout, kLimits) == now + 2 * kTimeout);
}

// A stream of a message a millisecond from kStart on, to a client that asks at the given times; whether each message
// left in its turn.
struct Stream {
  Window window;
  int next = 0;
  bool Passes() {
    const TimePoint now = kStart + next++ * 1ms;
    return window.OnMessage(now, kLimits) == now;
  }
  void SkipTo(int ms) {
    while (next < ms) Passes();
  }
  int Passing(int messages) {
    int passing = 0;
    for (int i = 0; i < messages; ++i) passing += Passes() ? 1 : 0;
    return passing;
  }
  void Ask() { window.OnClientMessage(kStart + next * 1ms); }
};

TEST_CASE("after a question nothing waits for so many messages") {
  Stream stream;
  stream.SkipTo(1000);
  CHECK_FALSE(stream.Passes());
  stream.Ask();
  CHECK_EQ(stream.Passing(100), Window::kAnswerMessages);
}

TEST_CASE("after a question nothing waits for so long") {
  Window window;
  for (int i = 0; i < 100; ++i) window.OnMessage(kStart + i * 4ms, kLimits);
  window.OnClientMessage(kStart + 400ms);
  for (int ms = 401; ms <= 450; ms += 4) CHECK(window.OnMessage(kStart + ms * 1ms, kLimits) == kStart + ms * 1ms);
  CHECK(window.OnMessage(kStart + 451ms, kLimits) > kStart + 451ms);
}

TEST_CASE("to a client that asks all the time, messages wait half of the time") {
  Window window;
  int passing = 0;
  constexpr int kMessages = 5000;
  for (int i = 0; i < kMessages; ++i) {
    const TimePoint now = kStart + i * 4ms;
    window.OnClientMessage(now - 3ms);
    passing += window.OnMessage(now, kLimits) == now ? 1 : 0;
  }
  // The few that a question lets pass when the time is used up are the answers of one who asks once a message.
  CHECK(passing == kMessages);

  Stream stream;
  stream.SkipTo(1000);
  passing = 0;
  for (int i = 0; i < 500; ++i) {  // every 20 ms
    stream.Ask();
    passing += stream.Passing(20);
  }
  CHECK(passing < 500 * 20 * 0.6);
  CHECK(passing > 500 * 20 * 0.45);
}

TEST_CASE("to a client that asks more often than that, something passes after every question") {
  Stream stream;
  stream.SkipTo(1000);
  for (int i = 0; i < 500; ++i) {
    const int gap = 35 + i * 37 % 60;  // 65 ms on average
    stream.Ask();
    CHECK(stream.Passing(8) == 8);  // one a millisecond
    stream.Passing(gap - 8);
  }
}

TEST_CASE("time in which messages wait is saved up for the next questions, up to a bound") {
  Stream stream;
  stream.SkipTo(1000);
  for (int i = 0; i < 500; ++i) {
    stream.Ask();
    stream.Passing(20);
  }
  const auto ask_for_long = [&stream] {
    int passing = 0;
    for (int i = 0; i < 100; ++i) {
      stream.Ask();
      passing += stream.Passing(16);
    }
    return passing;
  };
  const int used_up = ask_for_long();
  stream.SkipTo(stream.next + 100'000);
  const int saved = ask_for_long();
  CHECK(saved > used_up);
  CHECK(saved - used_up <= 2 * Window::kMostSaved);
}

TEST_CASE("a known answer does not draw out the time after its question") {
  Stream stream;
  stream.SkipTo(1000);
  for (int i = 0; i < 200; ++i) {
    stream.Ask();
    CHECK(stream.Passing(10) == 10);
    stream.window.LetPass(kStart + stream.next * 1ms, 1);
    stream.Passing(90);
  }
  Window window;
  for (int i = 0; i < 100; ++i) window.OnMessage(kStart + i * 4ms, kLimits);
  window.OnClientMessage(kStart + 400ms);
  window.LetPass(kStart + 402ms, 1);
  for (int ms = 404; ms <= 448; ms += 4) CHECK(window.OnMessage(kStart + ms * 1ms, kLimits) == kStart + ms * 1ms);
  CHECK(window.OnMessage(kStart + 452ms, kLimits) > kStart + 452ms);
}

TEST_CASE("what is known to be an answer passes, and no more") {
  Stream stream;
  stream.SkipTo(1000);
  stream.window.LetPass(kStart + stream.next * 1ms, 3);
  CHECK_EQ(stream.Passing(50), 3);
}

TEST_CASE("a clock that has run for 50 days changes nothing") {
  Window window;
  const TimePoint late(std::chrono::milliseconds(UINT32_MAX - 20));
  for (int i = -100; i < 0; ++i) window.OnMessage(late + i * 4ms, kLimits);
  window.OnClientMessage(late);
  for (int ms = 1; ms <= 50; ms += 4) CHECK(window.OnMessage(late + ms * 1ms, kLimits) == late + ms * 1ms);
  CHECK(window.OnMessage(late + 51ms, kLimits) > late + 51ms);
}

TEST_CASE("fixed: the timeout of the message, at any rate") {
  Window window;
  for (int i = 0; i < 10; ++i) {
    const TimePoint now = kStart + i * 100ms;
    CHECK(window.OnMessage(now, {.timeout = kTimeout, .longest = kTimeout, .adaptive = false}) == now + kTimeout);
  }
}

}  // namespace
}  // namespace sheaf::batching
