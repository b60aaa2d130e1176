#include "pool/backoff.h"

#include <algorithm>

namespace sheaf::pool {

Backoff::Backoff(Duration first, Duration longest, Random random)
    : first_(first), longest_(longest), random_(random), step_(first) {}

void Backoff::Adopt(Duration first, Duration longest, TimePoint now) {
  first_ = first;
  longest_ = longest;
  step_ = failing() ? std::max(first_, std::min(step_, longest_)) : first_;
  if (failing()) until_ = std::min(until_, now + longest_);
}

void Backoff::Fail(TimePoint now) {
  // Several dials may fail in the same spell; only the first of them lengthens it.
  if (now < until_) return;
  const auto whole = static_cast<double>(step_.count());
  until_ = now + Duration(static_cast<Duration::rep>(whole * (0.5 + 0.5 * random_())));
  step_ = std::min(step_ * 2, longest_);
}

void Backoff::Succeed() {
  step_ = first_;
  until_ = TimePoint{};
}

}  // namespace sheaf::pool
