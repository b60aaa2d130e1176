// A bound on how often something may happen, in time that the test makes up.
#include "proxy/base/token_bucket.h"

#include <doctest/doctest.h>

namespace sheaf {
namespace {

using namespace std::chrono_literals;

constexpr TokenBucket::Size kSize{.rate = 10, .burst = 30};
constexpr TimePoint kStart{1h};

// How many tokens there are at `now`.
int TakeAll(TokenBucket& bucket, TimePoint now, TokenBucket::Size size = kSize) {
  int taken = 0;
  while (bucket.Take(now, size)) ++taken;
  return taken;
}

}  // namespace

TEST_CASE("a bucket is full at first, and fills at its rate, never over its burst") {
  TokenBucket bucket;
  CHECK_EQ(TakeAll(bucket, kStart), 30);
  CHECK_EQ(TakeAll(bucket, kStart), 0);
  CHECK_EQ(TakeAll(bucket, kStart + 99ms), 0);
  CHECK_EQ(TakeAll(bucket, kStart + 100ms), 1);
  CHECK_EQ(TakeAll(bucket, kStart + 1s), 9);
  CHECK_EQ(TakeAll(bucket, kStart + 1h), 30);
}

TEST_CASE("a token that is refused costs nothing") {
  TokenBucket bucket;
  TakeAll(bucket, kStart);
  for (int i = 0; i < 1000; ++i) CHECK_FALSE(bucket.Take(kStart, kSize));
  CHECK(bucket.Take(kStart + 100ms, kSize));
}

TEST_CASE("what comes at the rate is never refused") {
  TokenBucket bucket;
  for (int i = 0; i < 10'000; ++i) REQUIRE(bucket.Take(kStart + i * 100ms, {.rate = 10, .burst = 1}));
}

TEST_CASE("what comes a little faster than the rate is refused when the burst is used up") {
  TokenBucket bucket;
  int taken = 0;
  while (bucket.Take(kStart + taken * 99ms, kSize)) ++taken;
  CHECK(taken > 2900);
  CHECK(taken < 3100);
}

TEST_CASE("missing tokens are those that have not come back") {
  TokenBucket bucket;
  CHECK_EQ(bucket.missing(kStart, kSize), 0);
  for (uint64_t i = 1; i <= 5; ++i) {
    CHECK(bucket.Take(kStart, kSize));
    CHECK_EQ(bucket.missing(kStart, kSize), i);
  }
  CHECK_EQ(bucket.missing(kStart + 150ms, kSize), 4);
  CHECK_EQ(bucket.missing(kStart + 500ms, kSize), 0);
  CHECK_EQ(bucket.missing(kStart + 1h, kSize), 0);
}

TEST_CASE("the greatest rate with seconds of burst is counted exactly") {
  TokenBucket bucket;
  const TokenBucket::Size size{.rate = 1'000'000, .burst = 10'000'000};
  CHECK_EQ(TakeAll(bucket, kStart, size), 10'000'000);
  CHECK_EQ(TakeAll(bucket, kStart + 1us, size), 1);
}

}  // namespace sheaf
