// The service manager's watchdog (WatchdogSec= of a systemd unit): told that all is well as long as the main thread and
// every worker turn. When one hangs it is told nothing more, and the manager replaces the process.
//
// Owned by the Server; the main thread only.
#pragma once

#include "proxy/admin/liveness.h"
#include "proxy/base/metrics.h"
#include "proxy/control/service_manager.h"
#include "proxy/net/loop.h"

namespace sheaf {

class Watchdog final : private net::DeadlineHandler {
 public:
  // All workers are in `registry`, and run. All references outlive the object. `manager` asks for it
  // (ServiceManager::watchdog), or nothing is ever told.
  Watchdog(net::Loop& loop, const MetricsRegistry& registry, const ServiceManager& manager);

  // Each interval, by itself: looks at the workers, and tells the manager unless one hangs.
  void Look(TimePoint now);

 private:
  void OnDeadline(net::Deadline& deadline) override;

  net::Loop& loop_;
  const ServiceManager& manager_;
  const Duration interval_;
  Liveness liveness_;
  net::Deadline look_;
};

}  // namespace sheaf
