#include "proxy/control/lifecycle.h"

#include <algorithm>
#include <utility>

#include "proxy/base/events.h"

namespace sheaf {

void Lifecycle::Drain(std::string_view by, TimePoint now) {
  if (stage() == Stage::kServing) Begin(by, false, now);
}

Result<bool> Lifecycle::Undrain() {
  if (signalled_) return Error{"a signal has come: the process ends, so start another one in its place"};
  if (stage() != Stage::kDrained && !draining()) return true;
  const bool gave_up = stage() != Stage::kDelaying;
  if (auto opened = gave_up ? events_.OnUndrain() : true; !opened.ok()) return opened;
  Announce(EventKind::kDrain, LogLevel::kInfo, "undrained: ready again");
  FinishDrain(Stage::kServing, DrainEnd::kUndrained);
  return true;
}

void Lifecycle::End(const Ending& ending, TimePoint now) {
  const bool second = std::exchange(signalled_, true);
  const bool has_served = stage() != Stage::kStarting;
  TakeSignal(ending, second, now);
  // Behind the change of stage, since whoever is told of it may ask for the stage next.
  if (!second && has_served) events_.OnEnding();
}

void Lifecycle::TakeSignal(const Ending& ending, bool second, TimePoint now) {
  switch (stage()) {
    case Stage::kStarting:
    case Stage::kDrained:  // there is nobody to take leave of
      return MoveTo(Stage::kStopped);
    case Stage::kServing:
      return Begin(ending.signal, ending.hurried, now);
    case Stage::kDelaying:
    case Stage::kDraining:
      if (second) {
        cut_short_ = true;
        return FinishDrain(Stage::kStopped, DrainEnd::kCutShort);
      }
      Announce(EventKind::kDrain, LogLevel::kInfo, "ends when the drain is over", {{"by", ending.signal}});
      if (ending.hurried) Hurry(now);
      return;
    case Stage::kStopped:
      return;
  }
}

void Lifecycle::Begin(std::string_view by, bool hurried, TimePoint now) {
  Announce(EventKind::kDrain, LogLevel::kInfo, "draining", {{"by", by}});
  end_ = now + timeout_;
  delay_end_ = std::min(end_, now + delay_);
  MoveTo(Stage::kDelaying);
  if (hurried) return Hurry(now);
  if (now >= delay_end_) TellAllToGo(now);
}

void Lifecycle::Hurry(TimePoint now) {
  end_ = std::min(end_, now + kHurry);
  TellAllToGo(now);
}

void Lifecycle::Look(TimePoint now, uint32_t connections) {
  if (stage() == Stage::kDelaying && now >= delay_end_) return TellAllToGo(now);
  // Workers need a moment to take in those that the kernel has accepted already.
  if (stage() != Stage::kDraining || now - drain_began_ < kLook) return;
  if (connections > 0) {
    if (now < end_) return;
    Announce(EventKind::kDrain, LogLevel::kWarning,
             signalled_ ? "drain.timeout is over, what is left is cut off"
                        : "drain.timeout is over, and some have not left: the end of the process will cut them off",
             {{"connections", connections}});
  }
  FinishDrain(signalled_ ? Stage::kStopped : Stage::kDrained, DrainEnd::kOver);
}

void Lifecycle::TellAllToGo(TimePoint now) {
  drain_began_ = now;
  MoveTo(Stage::kDraining);
  events_.OnDrain(WindowOf(end_ - now));
}

void Lifecycle::FinishDrain(Stage next, DrainEnd end) {
  MoveTo(next);
  events_.OnDrainOver(end);
}

// The rest is for the last Close handshakes. A short drain keeps most of its time for spreading all the same.
Duration Lifecycle::WindowOf(Duration rest) const {
  return std::max(Duration::zero(), rest - std::min(rest * 4 / 10, close_timeout_ + kLastGoodbye));
}

}  // namespace sheaf
