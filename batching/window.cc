#include "batching/window.h"

#include <algorithm>

namespace sheaf::batching {

TimePoint Window::OnMessage(TimePoint now, Duration timeout, bool adaptive) {
  if (!adaptive) return now + timeout;
  const Duration since_epoch = now.time_since_epoch();
  const auto period = static_cast<uint32_t>(since_epoch / timeout);
  if (period != period_) BeginPeriod(period);
  if (count_ < kMost) ++count_;

  uint16_t& asked = last_asked_ > 0 ? last_asked_ : asked_;
  if (asked > 0) {
    --asked;
    return now;
  }
  const uint32_t rate = std::max(count_, last_count_);
  if (rate < kHalfFrom) return now;
  const Duration window = rate < kWholeFrom ? timeout / 2 : timeout;
  return TimePoint((since_epoch / window + 1) * window);
}

void Window::BeginPeriod(uint32_t period) {
  last_count_ = period == period_ + 1 ? count_ : uint16_t{0};
  count_ = 0;
  // The client may have asked after a quiet spell, just before this period's first message: that still counts.
  last_asked_ = asked_;
  asked_ = 0;
  period_ = period;
}

void Window::OnClientMessage() {
  if (asked_ < kMost) ++asked_;
}

}  // namespace sheaf::batching
