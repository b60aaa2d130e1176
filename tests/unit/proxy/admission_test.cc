// Who is let in.
#include "proxy/admission.h"

#include <doctest/doctest.h>

namespace sheaf {

TEST_CASE("a connection is admitted up to the limit, and refused over it") {
  CHECK_FALSE(AdmitConnection({.connections = 1, .max_connections = 2}).has_value());
  CHECK_FALSE(AdmitConnection({.connections = 2, .max_connections = 2}).has_value());
  CHECK(AdmitConnection({.connections = 3, .max_connections = 2}) == RejectReason::kOverloaded);
}

TEST_CASE("without a limit every connection is admitted") {
  CHECK_FALSE(AdmitConnection({.connections = 4'000'000'000, .max_connections = 0}).has_value());
}

TEST_CASE("connections are admitted while draining, WebSockets are not") {
  const Load draining{.connections = 1, .max_connections = 2, .draining = true};
  CHECK_FALSE(AdmitConnection(draining).has_value());
  CHECK(AdmitWebSocket(draining) == RejectReason::kDraining);
  CHECK_FALSE(AdmitWebSocket({.connections = 1, .max_connections = 2}).has_value());
}

TEST_CASE("requests are refused at the critical level alone") {
  for (const PressureLevel level : {PressureLevel::kNormal, PressureLevel::kModerate, PressureLevel::kHigh}) {
    CHECK_FALSE(AdmitRequest({.pressure = level}).has_value());
  }
  CHECK(AdmitRequest({.pressure = PressureLevel::kCritical}) == RejectReason::kMemoryCritical);
  CHECK_EQ(Describe(RejectReason::kMemoryCritical).status, 503);
}

TEST_CASE("both refusals are a 503, so that the client tries again elsewhere") {
  CHECK_EQ(Describe(RejectReason::kOverloaded).status, 503);
  CHECK_EQ(Describe(RejectReason::kDraining).status, 503);
}

TEST_CASE("a configured limit holds whatever the descriptors allow") {
  CHECK_EQ(MaxConnections(500, 100), 500);
  CHECK_EQ(MaxConnections(1, 1'000'000), 1);
}

TEST_CASE("without a configured limit a session's two descriptors, and some to spare, must fit") {
  for (const uint64_t limit : {1ULL, 10ULL, 100ULL, 255ULL, 256ULL, 257ULL, 1024ULL, 20'000ULL, 1'048'576ULL}) {
    CAPTURE(limit);
    const uint64_t most = MaxConnections(0, limit);
    CHECK(most >= 1);
    if (limit > 4) CHECK(2 * most < limit);
  }
  CHECK(MaxConnections(0, 20'000) > 9'000);
}

TEST_CASE("more descriptors never allow fewer connections") {
  uint32_t before = 0;
  for (uint64_t limit = 1; limit < 3000; ++limit) {
    CAPTURE(limit);
    const uint32_t now = MaxConnections(0, limit);
    CHECK(now >= before);
    before = now;
  }
}

TEST_CASE("an unlimited number of descriptors is no unlimited number of connections") {
  CHECK(MaxConnections(0, UINT64_MAX) >= 1'000'000);
  CHECK(MaxConnections(0, UINT64_MAX) <= 100'000'000);
}

}  // namespace sheaf
