#include "proxy/control/lifecycle.h"

#include <algorithm>

#include "proxy/base/events.h"

namespace sheaf {

void Lifecycle::End(const Ending& ending, TimePoint now) {
  switch (stage()) {
    case Stage::kStarting:  // there is nobody to take leave of
      return MoveTo(Stage::kStopped);
    case Stage::kServing:
      return Begin(ending, now);
    case Stage::kDelaying:
    case Stage::kDraining:
      cut_short_ = true;
      return MoveTo(Stage::kStopped);
    case Stage::kStopped:
      return;
  }
}

void Lifecycle::Begin(const Ending& ending, TimePoint now) {
  Announce(EventKind::kDrain, LogLevel::kInfo, "draining", {{"signal", ending.signal}});
  end_ = now + (ending.hurried ? std::min(timeout_, kHurry) : timeout_);
  delay_end_ = ending.hurried ? now : std::min(end_, now + delay_);
  MoveTo(Stage::kDelaying);
  if (now >= delay_end_) Drain(now);
}

void Lifecycle::Look(TimePoint now, uint32_t connections) {
  if (stage() == Stage::kDelaying && now >= delay_end_) return Drain(now);
  // Workers need a moment to take in those that the kernel has accepted already.
  if (stage() != Stage::kDraining || now - drain_began_ < kLook) return;
  if (connections > 0) {
    if (now < end_) return;
    Announce(EventKind::kDrain, LogLevel::kWarning, "drain.timeout is over, what is left is cut off",
             {{"connections", connections}});
  }
  MoveTo(Stage::kStopped);
}

void Lifecycle::Drain(TimePoint now) {
  drain_began_ = now;
  MoveTo(Stage::kDraining);
  events_.OnDrain(WindowOf(end_ - now));
}

// The rest is for the last Close handshakes. A short drain keeps most of its time for spreading all the same.
Duration Lifecycle::WindowOf(Duration rest) const {
  return std::max(Duration::zero(), rest - std::min(rest * 4 / 10, close_timeout_ + kLastGoodbye));
}

}  // namespace sheaf
