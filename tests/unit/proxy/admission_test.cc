// Who is let in.
#include "proxy/plan/admission.h"

#include <doctest/doctest.h>

namespace sheaf {

TEST_CASE("a connection is admitted up to the limit, and refused over it") {
  CHECK_FALSE(AdmitConnection({.connections = 1, .max_connections = 2}).has_value());
  CHECK_FALSE(AdmitConnection({.connections = 2, .max_connections = 2}).has_value());
  CHECK(AdmitConnection({.connections = 3, .max_connections = 2}) == RefuseReason::kOverloaded);
}

TEST_CASE("without a limit every connection is admitted") {
  CHECK_FALSE(AdmitConnection({.connections = 4'000'000'000, .max_connections = 0}).has_value());
}

TEST_CASE("connections are admitted while draining, WebSockets are not") {
  const Load draining{.connections = 1, .max_connections = 2, .draining = true};
  CHECK_FALSE(AdmitConnection(draining).has_value());
  CHECK(AdmitWebSocket(draining) == RefuseReason::kDraining);
  CHECK_FALSE(AdmitWebSocket({.connections = 1, .max_connections = 2}).has_value());
}

TEST_CASE("requests are refused at the critical level alone") {
  for (const PressureLevel level : {PressureLevel::kNormal, PressureLevel::kModerate, PressureLevel::kHigh}) {
    CHECK_FALSE(AdmitRequest({.pressure = level}).has_value());
  }
  CHECK(AdmitRequest({.pressure = PressureLevel::kCritical}) == RefuseReason::kMemoryCritical);
  CHECK_EQ(Describe(RefuseReason::kMemoryCritical).status, 503);
}

TEST_CASE("both refusals are a 503, so that the client tries again elsewhere") {
  CHECK_EQ(Describe(RefuseReason::kOverloaded).status, 503);
  CHECK_EQ(Describe(RefuseReason::kDraining).status, 503);
}

TEST_CASE("a few refused clients may linger, a crowd may not") {
  CHECK(MayLinger({.connections = 11, .max_connections = 10}));
  CHECK(MayLinger({.connections = 42, .max_connections = 10}));
  CHECK_FALSE(MayLinger({.connections = 43, .max_connections = 10}));
  CHECK_FALSE(MayLinger({.connections = 4'000'000'000, .max_connections = 10}));
  CHECK_FALSE(MayLinger({.connections = UINT32_MAX, .max_connections = UINT32_MAX - 33}));
}

constexpr uint64_t kLeast = 100;

TEST_CASE("the least limit has room for all that is made at start, what is kept free, and one client") {
  const DescriptorUse use{.open = 3, .workers = 2, .warm = 10};
  const uint64_t least = LeastDescriptors(use);
  CHECK(least >= 3 + 2 * 6 + 10 + kKeptFree + 2);
  CHECK_EQ(LeastDescriptors({.open = 4, .workers = 2, .warm = 10}), least + 1);
  CHECK_EQ(LeastDescriptors({.open = 3, .workers = 2, .warm = 11}), least + 1);
  CHECK(LeastDescriptors({.open = 3, .workers = 3, .warm = 10}) >= least + 6);
  CHECK_EQ(LeastDescriptors({.open = 3, .workers = 2, .warm = 10, .listeners = 3}), least + 6);
  CHECK(LeastDescriptors({.open = 3, .workers = 1, .warm = UINT32_MAX}) > UINT32_MAX);
}

TEST_CASE("a configured limit holds whatever the descriptors allow") {
  CHECK_EQ(MaxConnections(500, 100, kLeast), 500);
  CHECK_EQ(MaxConnections(1, 1'000'000, kLeast), 1);
}

TEST_CASE("without a configured limit a session's two descriptors, and some to spare, must fit") {
  for (const uint64_t limit :
       {100ULL, 101ULL, 102ULL, 103ULL, 104ULL, 255ULL, 257ULL, 1024ULL, 20'000ULL, 1'048'576ULL}) {
    CAPTURE(limit);
    const uint64_t most = MaxConnections(0, limit, kLeast);
    CHECK(most >= 1);
    CHECK(2 * (most - 1) <= limit - kLeast);  // the least limit has room for the first one
  }
  CHECK_EQ(MaxConnections(0, kLeast, kLeast), 1);
  CHECK(MaxConnections(0, 20'000, kLeast) > 9'800);
  CHECK(2 * (uint64_t{MaxConnections(0, 20'000, kLeast)} - 1) <= 20'000 - kLeast - 128);
}

TEST_CASE("what is kept warm is not given to clients") {
  CHECK(MaxConnections(0, 1024, 80 + 900) < 30);
}

TEST_CASE("more descriptors never allow fewer connections") {
  uint32_t before = 0;
  for (uint64_t limit = 1; limit < 3000; ++limit) {
    CAPTURE(limit);
    const uint32_t now = MaxConnections(0, limit, kLeast);
    CHECK(now >= before);
    before = now;
  }
}

TEST_CASE("an unlimited number of descriptors is no unlimited number of connections") {
  CHECK(MaxConnections(0, UINT64_MAX, kLeast) >= 1'000'000);
  CHECK(MaxConnections(0, UINT64_MAX, kLeast) <= 100'000'000);
}

}  // namespace sheaf
