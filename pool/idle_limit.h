// How long the backend leaves a connection open that lies idle, learnt from those that it has closed. A request that
// may not be repeated must not meet the backend's close half-way: it takes a connection only well before that.
//
// Pure; one a pool. One thread.
#pragma once

#include <algorithm>

#include "proxy/base/clock.h"

namespace sheaf::pool {

class IdleLimit {
 public:
  // The backend closed a connection that had been idle for so long.
  void OnClosed(Duration idle, TimePoint now) {
    if (idle > shortest_ && now - learnt_at_ < kMemory) return;
    shortest_ = idle;
    learnt_at_ = now;
  }

  // Whether the backend will hardly close a connection that is idle for so long now: half the shortest time after which
  // it lately did, and a second at most, since most is unknown of it.
  bool IsSafe(Duration idle, TimePoint now) const {
    const Duration learnt = now - learnt_at_ < kMemory ? shortest_ / 2 : Duration::max();
    return idle < std::min<Duration>(learnt, kMost);
  }

 private:
  static constexpr Duration kMost = std::chrono::seconds(1);
  static constexpr Duration kMemory = std::chrono::minutes(10);

  Duration shortest_ = Duration::max();
  TimePoint learnt_at_{};
};

}  // namespace sheaf::pool
