// Whether a request's body comes fast enough: the client is never silent for the route's body_timeout, and over each
// such time no slower than limits.min_body_rate. Pure: time is an argument.
//
//   if (pace.TooSlow(now)) ...; else look again after pace.NextLook(now)
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "proxy/base/clock.h"

namespace sheaf {

class BodyPace {
 public:
  // `least_rate`: bytes a second; 0: any will do.
  BodyPace(Duration longest_silence, uint64_t least_rate)
      : window_(longest_silence),
        least_(static_cast<uint64_t>(static_cast<double>(least_rate) *
                                     std::chrono::duration<double>(longest_silence).count())) {}

  // From now on the client may send: what it did not send before is no fault of its own.
  void Begin(TimePoint now) {
    heard_ = window_start_ = now;
    bytes_ = 0;
  }
  void OnBytes(size_t bytes, TimePoint now) {
    heard_ = now;
    bytes_ += bytes;
  }

  // A window that was fast enough makes room for the next one.
  bool TooSlow(TimePoint now) {
    if (now - heard_ >= window_) return true;
    if (now - window_start_ < window_) return false;
    if (bytes_ < least_) return true;
    window_start_ = now;
    bytes_ = 0;
    return false;
  }
  // When it may be too slow at the earliest.
  Duration NextLook(TimePoint now) const { return window_ - (now - std::min(heard_, window_start_)); }

 private:
  const Duration window_;
  const uint64_t least_;  // bytes a window
  TimePoint heard_{};     // when the last byte came
  TimePoint window_start_{};
  uint64_t bytes_ = 0;  // in this window
};

}  // namespace sheaf
