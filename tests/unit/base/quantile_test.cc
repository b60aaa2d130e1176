#include "proxy/base/quantile.h"

#include <doctest/doctest.h>

#include <array>
#include <vector>

#include "proxy/base/metric_table.h"

namespace sheaf {
namespace {

constexpr std::array<uint64_t, 3> kBounds = {100, 200, 400};

double Of(double part, const std::vector<uint64_t>& counts) {
  return Quantile(part, kBounds, counts);
}

TEST_CASE("A quantile lies within its bucket as far as its rank does") {
  CHECK(Of(0.5, {10, 0, 0, 0}) == doctest::Approx(50));
  CHECK(Of(0.99, {10, 0, 0, 0}) == doctest::Approx(99));
  CHECK(Of(0.5, {5, 5, 0, 0}) == doctest::Approx(100));
  CHECK(Of(0.75, {5, 5, 0, 0}) == doctest::Approx(150));
  CHECK(Of(0.5, {1, 2, 5, 0}) == doctest::Approx(240));
  CHECK(Of(1, {1, 2, 5, 0}) == doctest::Approx(400));
}

TEST_CASE("Empty buckets hold no quantile") {
  CHECK(Of(0.5, {0, 0, 4, 0}) == doctest::Approx(300));
  CHECK(Of(0, {0, 0, 4, 0}) == doctest::Approx(200));
  CHECK(Of(0.9, {1, 0, 1, 0}) == doctest::Approx(360));
}

TEST_CASE("Beyond the last bound is that bound, and nothing has 0") {
  CHECK(Of(0.5, {0, 0, 0, 3}) == 400);
  CHECK(Of(0.99, {50, 0, 0, 50}) == 400);
  CHECK(Of(0.99, {0, 0, 0, 0}) == 0);
}

TEST_CASE("Of a metric's buckets it is told in the base unit") {
  std::array<uint64_t, BatchDelayBuckets::kBounds.size() + 1> counts{};
  counts[5] = 8;  // over 25 ms, up to 50 ms
  CHECK(Quantile<BatchDelayBuckets>(0.5, counts) == doctest::Approx(0.0375));
}

}  // namespace
}  // namespace sheaf
