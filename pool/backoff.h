// The wait between attempts that fail.
#pragma once

#include "proxy/base/clock.h"

namespace sheaf::pool {

// Exponential back-off with full jitter between half and the whole of the step (so that workers and replicas spread).
// Pure but for the random source, which is passed in. One thread.
class Backoff {
 public:
  // `random`: a value in [0, 1) at each call.
  using Random = double (*)();
  Backoff(Duration first, Duration longest, Random random);

  // Other bounds from now on; what is being waited ends within the new longest.
  void Adopt(Duration first, Duration longest, TimePoint now);

  // After a failure at `now`: no attempt before until().
  void Fail(TimePoint now);
  void Succeed();

  // The last attempt failed: one dial at a time is enough to learn of the backend's return.
  bool failing() const { return until_ != TimePoint{}; }
  bool MayTry(TimePoint now) const { return now >= until_; }
  TimePoint until() const { return until_; }

 private:
  Duration first_;
  Duration longest_;
  Random random_;
  Duration step_;
  TimePoint until_{};
};

}  // namespace sheaf::pool
