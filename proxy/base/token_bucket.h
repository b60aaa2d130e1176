// A bound on how often something may happen: a full bucket at once, and from then on no more than tokens come back.
//
//   TokenBucket pings;
//   if (!pings.Take(now, {.rate = 50, .burst = 50})) return Close(CloseReason::kClientPingFlood);
//
// Full when made. A point in time is all it keeps (8 bytes): when it will be full again. One thread only.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "proxy/base/clock.h"

namespace sheaf {

class TokenBucket {
 public:
  struct Size {
    uint32_t rate;   // tokens that come back in a second, at least 1
    uint32_t burst;  // tokens in a full bucket
  };

  // Takes a token; false when none is left, and then nothing changes. `size` may differ from call to call.
  [[nodiscard]] bool Take(TimePoint now, Size size) {
    const TimePoint full_at = std::max(full_at_, now) + PerToken(size);
    if (full_at - now > PerToken(size) * size.burst) return false;
    full_at_ = full_at;
    return true;
  }

  // Tokens that have been taken and have not come back.
  uint64_t missing(TimePoint now, Size size) const {
    const Duration until_full = std::max(full_at_ - now, Duration::zero());
    return static_cast<uint64_t>((until_full + PerToken(size) - Duration(1)) / PerToken(size));
  }

 private:
  static constexpr Duration PerToken(Size size) { return Duration(std::chrono::seconds(1)) / size.rate; }

  TimePoint full_at_{};
};

}  // namespace sheaf
