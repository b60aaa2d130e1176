#include "proxy/watchdog.h"

#include <algorithm>
#include <chrono>

namespace sheaf {
namespace {

// Often enough for Liveness; and twice within the time, as sd_watchdog_enabled(3) asks for.
Duration IntervalFor(Duration watchdog) {
  return std::min<Duration>(watchdog / 2, std::chrono::seconds(1));
}

}  // namespace

Watchdog::Watchdog(net::Loop& loop, const MetricsRegistry& registry, const ServiceManager& manager)
    : loop_(loop),
      manager_(manager),
      interval_(IntervalFor(manager.watchdog())),
      liveness_(registry, loop.now()),
      look_(*this) {
  if (interval_ > Duration::zero()) loop_.SetDeadline(look_, interval_);
}

void Watchdog::Look(TimePoint now) {
  liveness_.Look(now);
  if (liveness_.live()) manager_.Alive();
}

void Watchdog::OnDeadline(net::Deadline& /*deadline*/) {
  Look(loop_.now());
  loop_.SetDeadline(look_, interval_);
}

}  // namespace sheaf
