#include "proxy/base/quantile.h"

#include <numeric>

namespace sheaf {

double Quantile(double part, std::span<const uint64_t> bounds, std::span<const uint64_t> counts) {
  const uint64_t all = std::accumulate(counts.begin(), counts.end(), uint64_t{0});
  if (all == 0) return 0;
  const double rank = part * static_cast<double>(all);
  uint64_t below = 0;
  for (size_t i = 0; i < bounds.size(); ++i) {
    const auto within = static_cast<double>(counts[i]);
    if (counts[i] > 0 && static_cast<double>(below) + within >= rank) {
      const auto lower = static_cast<double>(i == 0 ? 0 : bounds[i - 1]);
      const double share = (rank - static_cast<double>(below)) / within;
      return lower + (static_cast<double>(bounds[i]) - lower) * share;
    }
    below += counts[i];
  }
  return static_cast<double>(bounds.back());
}

}  // namespace sheaf
