#include "proxy/base/random.h"

#include <doctest/doctest.h>

#include <array>
#include <set>

namespace sheaf {
namespace {

TEST_CASE("random bytes do not repeat, also beyond one buffer") {
  std::set<std::array<uint8_t, 16>> seen;
  for (int i = 0; i < 1000; ++i) {
    std::array<uint8_t, 16> bytes{};
    FillRandom(bytes);
    CHECK(seen.insert(bytes).second);
  }
}

TEST_CASE("fractions lie in [0, 1) and spread over it") {
  std::set<int> tenths;
  for (int i = 0; i < 1000; ++i) {
    const double fraction = RandomFraction();
    REQUIRE(fraction >= 0.0);
    REQUIRE(fraction < 1.0);
    tenths.insert(static_cast<int>(fraction * 10));
  }
  CHECK(tenths.size() == 10);
}

}  // namespace
}  // namespace sheaf
