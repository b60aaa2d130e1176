// When a connection is idle for so short that the backend will hardly close it now.
#include "pool/idle_limit.h"

#include <doctest/doctest.h>

namespace sheaf::pool {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;

constexpr TimePoint kStart{std::chrono::hours(1)};

}  // namespace

TEST_CASE("a second is safe while nothing is known of the backend") {
  const IdleLimit limit;
  CHECK(limit.IsSafe(milliseconds(0), kStart));
  CHECK(limit.IsSafe(milliseconds(999), kStart));
  CHECK_FALSE(limit.IsSafe(milliseconds(1000), kStart));
}

TEST_CASE("half the time after which the backend closed is safe") {
  IdleLimit limit;
  limit.OnClosed(milliseconds(50), kStart);
  CHECK(limit.IsSafe(milliseconds(24), kStart));
  CHECK_FALSE(limit.IsSafe(milliseconds(25), kStart));
}

TEST_CASE("the shortest time counts, and is forgotten after ten minutes") {
  IdleLimit limit;
  limit.OnClosed(milliseconds(50), kStart);
  limit.OnClosed(milliseconds(400), kStart + minutes(1));
  CHECK_FALSE(limit.IsSafe(milliseconds(30), kStart + minutes(2)));
  CHECK_FALSE(limit.IsSafe(milliseconds(30), kStart + minutes(10) - milliseconds(1)));
  CHECK(limit.IsSafe(milliseconds(30), kStart + minutes(10)));
  limit.OnClosed(milliseconds(400), kStart + minutes(11));
  CHECK(limit.IsSafe(milliseconds(199), kStart + minutes(11)));
  CHECK_FALSE(limit.IsSafe(milliseconds(200), kStart + minutes(11)));
}

TEST_CASE("a backend that keeps connections for long does not make more than a second safe") {
  IdleLimit limit;
  limit.OnClosed(minutes(5), kStart);
  CHECK(limit.IsSafe(milliseconds(999), kStart));
  CHECK_FALSE(limit.IsSafe(milliseconds(1000), kStart));
}

}  // namespace sheaf::pool
