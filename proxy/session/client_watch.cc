#include "proxy/session/client_watch.h"

namespace sheaf {

ClientWatch::Verdict ClientWatch::Look(const View& view, const Limits& limits, TimePoint now) {
  if (view.stalled >= limits.stall) return Verdict::kStalled;
  // While the backend takes nothing we do not read, and a Pong may lie unread. A dead client still shows when we ping.
  if (awaiting_pong_ && view.unread) {
    awaiting_pong_ = false;
    heard_at_ = PingLeftAt(view);
  }
  // Counted from when the ping has left. While it waits, the client is watched for stalling instead.
  if (awaiting_pong_) {
    const bool overdue = !view.ping_waits && now - PingLeftAt(view) >= limits.ping_timeout;
    return overdue ? Verdict::kPingTimeout : Verdict::kFine;
  }
  if (UntilPing(now - heard_at_, limits) > Duration::zero()) return Verdict::kFine;
  awaiting_pong_ = true;
  ping_at_ = now;
  return Verdict::kSendPing;
}

Duration ClientWatch::UntilPing(Duration quiet, const Limits& limits) {
  return limits.ping_interval.count() == 0 ? Duration::max() : limits.ping_interval - quiet;
}

Duration ClientWatch::UntilNextLook(const View& view, const Limits& limits, TimePoint now) {
  Duration next = UntilPing(now - heard_at_, limits);
  if (awaiting_pong_) {
    const Duration waited = view.ping_waits ? Duration::zero() : now - PingLeftAt(view);
    next = std::min(limits.ping_timeout - waited, limits.ping_interval);
  }
  watching_for_stall_ = view.full;
  return view.full ? std::min(next, limits.stall - view.stalled) : next;
}

}  // namespace sheaf
