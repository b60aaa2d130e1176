// From a histogram's buckets to the value that a part of its observations do not exceed. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace sheaf {

// Estimated as Prometheus' histogram_quantile does it: within a bucket observations lie evenly, from 0 on in the first,
// and what is beyond the last bound counts as that. `counts`: of each bucket alone, one more than `bounds`, which
// rise. `part`: 0.99 for p99. In the unit of the bounds; 0 of nothing.
double Quantile(double part, std::span<const uint64_t> bounds, std::span<const uint64_t> counts);

// In the base unit of the metric, such as seconds.
template <typename Buckets>
double Quantile(double part, const std::array<uint64_t, Buckets::kBounds.size() + 1>& counts) {
  return Quantile(part, Buckets::kBounds, counts) / Buckets::kPerUnit;
}

}  // namespace sheaf
