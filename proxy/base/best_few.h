// The first so many of what comes, in order, however much comes.
//
//   BestFew<int, std::greater<int>> best(3);
//   for (int number : numbers) best.Add(number);
//   for (int number : best.Take()) ...        // the three largest, the largest first
//
// Holds twice as many at most; what it costs is linear in what comes. `Before`: a strict order in which no two are
// equal.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace sheaf {

template <typename T, typename Before>
class BestFew {
 public:
  explicit BestFew(size_t most, Before before = {}) : most_(most), before_(before) {}

  void Add(T one) {
    if (bound_known_ && !before_(one, all_[most_ - 1])) return;
    all_.push_back(std::move(one));
    if (all_.size() == 2 * most_) Shrink();
  }

  // In order; nothing is left.
  std::vector<T> Take() {
    if (all_.size() > most_) Shrink();
    std::sort(all_.begin(), all_.end(), before_);
    bound_known_ = false;
    return std::exchange(all_, {});
  }

 private:
  // The last one of the best comes to stand behind the others.
  void Shrink() {
    const auto last = all_.begin() + static_cast<std::ptrdiff_t>(most_) - 1;
    std::nth_element(all_.begin(), last, all_.end(), before_);
    all_.erase(last + 1, all_.end());
    bound_known_ = true;
  }

  const size_t most_;  // at least one
  const Before before_;
  std::vector<T> all_;
  bool bound_known_ = false;  // all_[most_ - 1] was the last of the best: what comes behind it is none of them
};

}  // namespace sheaf
