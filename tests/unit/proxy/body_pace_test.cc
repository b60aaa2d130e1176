// When a client's request body is too slow.
#include "proxy/http/body_pace.h"

#include <doctest/doctest.h>

#include <optional>

namespace sheaf {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1h};

// Sends `bytes` at each `step` and looks when it is told to; nullopt: it is in time for `length`.
std::optional<Duration> TooSlowAfter(BodyPace pace, size_t bytes, Duration step, Duration length) {
  pace.Begin(kStart);
  TimePoint look = kStart + pace.NextLook(kStart);
  TimePoint next = kStart + step;
  while (look < kStart + length) {
    if (next <= look) {
      pace.OnBytes(bytes, next);
      next += step;
    } else if (pace.TooSlow(look)) {
      return look - kStart;
    } else {
      REQUIRE(pace.NextLook(look) > 0s);
      look += pace.NextLook(look);
    }
  }
  return std::nullopt;
}

TEST_CASE("a body that never begins is too slow after exactly the time-out") {
  CHECK(TooSlowAfter(BodyPace(10s, 0), 1, 1h, 1min) == 10s);
}

TEST_CASE("a body that stops is too slow one time-out after its last byte") {
  BodyPace pace(10s, 0);
  pace.Begin(kStart);
  pace.OnBytes(5, kStart + 7s);
  CHECK_FALSE(pace.TooSlow(kStart + 10s));
  CHECK(pace.NextLook(kStart + 10s) == 7s);
  CHECK(pace.TooSlow(kStart + 17s));
}

TEST_CASE("pauses shorter than the time-out are in order, for ever") {
  CHECK_FALSE(TooSlowAfter(BodyPace(10s, 0), 1, 9s, 24h).has_value());
}

TEST_CASE("a body that drips is too slow after the first window under the rate") {
  CHECK(TooSlowAfter(BodyPace(10s, 100), 99, 1s, 1h) == 10s);
  CHECK_FALSE(TooSlowAfter(BodyPace(10s, 100), 101, 1s, 1h).has_value());
}

TEST_CASE("a window that was fast enough does not help the next one") {
  BodyPace pace(10s, 100);
  pace.Begin(kStart);
  pace.OnBytes(1'000'000, kStart + 1s);
  pace.OnBytes(1, kStart + 9s);
  CHECK_FALSE(pace.TooSlow(kStart + 10s));
  pace.OnBytes(999, kStart + 15s);
  CHECK(pace.TooSlow(kStart + 20s));
}

TEST_CASE("the time in which the client could not send does not count") {
  BodyPace pace(10s, 100);
  pace.Begin(kStart);
  pace.OnBytes(1, kStart + 1s);
  pace.Begin(kStart + 1h);
  CHECK(pace.NextLook(kStart + 1h) == 10s);
  CHECK_FALSE(pace.TooSlow(kStart + 1h + 9s));
  CHECK(pace.TooSlow(kStart + 1h + 10s));
}

}  // namespace
}  // namespace sheaf
