// What may go to a client in a second, in time that the test makes up.
#include "proxy/outbox/pacer.h"

#include <doctest/doctest.h>

#include <algorithm>

using namespace std::chrono_literals;

namespace sheaf {
namespace {

constexpr TimePoint kStart{1h};
constexpr Pacer::Amount kTen{.messages = 10, .bytes = 0};
constexpr Pacer::Amount kOne{.messages = 1, .bytes = 1};

}  // namespace

TEST_CASE("a second's worth may go at once, and from then on what comes back") {
  Pacer pacer;
  CHECK(pacer.ReadyAt(kOne, kTen) <= kStart);
  CHECK_EQ(pacer.At(kStart, kTen).messages, 10);
  CHECK_EQ(pacer.At(kStart, kTen).bytes, UINT64_MAX);
  pacer.Charge(kStart, {.messages = 10}, kTen);
  CHECK_EQ(pacer.At(kStart, kTen).messages, 0);
  CHECK_EQ(pacer.At(kStart + 99ms, kTen).messages, 0);
  CHECK_EQ(pacer.ReadyAt(kOne, kTen), kStart + 100ms);
  CHECK_EQ(pacer.At(kStart + 100ms, kTen).messages, 1);
  CHECK_EQ(pacer.At(kStart + 1h, kTen).messages, 10);
}

TEST_CASE("what goes beyond the rate is made up for first") {
  Pacer pacer;
  pacer.Charge(kStart, {.messages = 60}, kTen);
  CHECK_EQ(pacer.At(kStart + 5s, kTen).messages, 0);
  CHECK_EQ(pacer.ReadyAt(kOne, kTen), kStart + 5100ms);
  CHECK_EQ(pacer.At(kStart + 6s, kTen).messages, 10);
}

TEST_CASE("both bounds hold, whichever is nearer") {
  constexpr Pacer::Amount kBoth{.messages = 10, .bytes = 1000};
  Pacer pacer;
  pacer.Charge(kStart, {.messages = 2, .bytes = 1000}, kBoth);
  CHECK_EQ(pacer.At(kStart, kBoth).messages, 8);
  CHECK_EQ(pacer.At(kStart, kBoth).bytes, 0);
  CHECK_EQ(pacer.ReadyAt({.messages = 1, .bytes = 20}, kBoth), kStart + 20ms);
}

TEST_CASE("nobody is woken for less than what comes back in a step, if more waits") {
  constexpr Pacer::Amount kMany{.messages = 1000, .bytes = 0};
  Pacer pacer;
  pacer.Charge(kStart, {.messages = 1000}, kMany);
  CHECK_EQ(pacer.ReadyAt({.messages = 2}, kMany), kStart + 2ms);
  CHECK_EQ(pacer.ReadyAt({.messages = 5000}, kMany), kStart + Pacer::kStep);
}

TEST_CASE("what is ready is there, at any rate") {
  for (uint64_t rate = 1; rate <= uint64_t{1} << 30; rate = rate * 3 + 1) {
    CAPTURE(rate);
    const Pacer::Amount rates{.messages = 0, .bytes = rate};
    Pacer pacer;
    pacer.Charge(kStart, {.messages = 0, .bytes = rate}, rates);
    const TimePoint ready = pacer.ReadyAt({.messages = 0, .bytes = 1}, rates);
    CHECK(ready > kStart);
    CHECK(pacer.At(ready, rates).bytes >= 1);
  }
}

}  // namespace sheaf
