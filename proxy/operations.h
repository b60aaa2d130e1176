// What the admin listener can ask of the process and have done in it: the figures, and what an operator commands. What
// concerns sessions is asked of the workers, each in its own thread; one that is busy is told of, not waited for.
//
// Owned by the Server. Called in the admin thread; what takes a look elsewhere is posted to the main thread and
// answered from there.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "memwatch/memory_monitor.h"
#include "pool/backend.h"
#include "proxy/admin/source.h"
#include "proxy/base/clock.h"
#include "proxy/base/metrics.h"
#include "proxy/base/push.h"
#include "proxy/connections.h"
#include "proxy/control/ask.h"
#include "proxy/control/drain_desk.h"
#include "proxy/control/lifecycle.h"
#include "proxy/net/loop.h"
#include "proxy/plan/generation.h"
#include "proxy/reload.h"
#include "proxy/worker.h"

namespace sheaf {

using Workers = std::vector<std::unique_ptr<Worker>>;

// All of them, by index.
std::vector<size_t> AllOf(const Workers& workers);

class Operations final : public AdminSource {
 public:
  // All of it outlives the object.
  struct Lent {
    net::Loop& main;
    const Lifecycle& lifecycle;
    DrainDesk& drains;  // the main thread's
    MetricsRegistry& metrics;
    Reloader& reloader;  // the main thread's
    Asks& asks;          // the main thread's
    const memwatch::MemoryMonitor& memory;
    const Workers& workers;
    // Any thread.
    std::function<std::shared_ptr<const Generation>()> in_force;
    std::function<std::vector<pool::Backend>()> backends;
  };
  explicit Operations(Lent lent);
  Operations(const Operations&) = delete;
  Operations& operator=(const Operations&) = delete;

  // AdminSource
  Readiness ready() const override;
  bool started() const override { return lent_.lifecycle.stage() != Stage::kStarting; }
  StatsSnapshot Stats() const override;
  const memwatch::MemoryHistory& memory_history() const override { return lent_.memory.history(); }
  const EventRing& events() const override { return Events(); }
  void LookAtPools(std::function<void(const PoolsAnswer&)> answered) override;
  const MetricsRegistry& metrics() const override { return lent_.metrics; }
  void Reload(std::function<void(const ReloadAnswer&)> answered) override;
  bool SetDraining(std::string_view backend, std::string_view endpoint, bool draining) override;
  void Deliver(std::vector<Push> pushes, std::function<void(const PushAnswer&)> answered) override;
  void ListSessions(SessionQuery query, std::function<void(const SessionList&)> answered) override;
  void FindSession(SessionId id, std::function<void(const SessionFound&)> answered) override;
  void Close(CloseAction action, std::function<void(const ActionAnswer&)> answered) override;
  void Flush(Selector of, std::function<void(const ActionAnswer&)> answered) override;
  void BeginDrain(std::function<void(const DrainAnswer&)> answered) override;
  void AwaitDrain(std::function<void(const DrainAnswer&)> answered) override;
  void Undrain(std::function<void(const DrainAnswer&)> answered) override;

 private:
  // A worker makes a turn at least every 100 ms; one that takes longer is told of.
  static constexpr Duration kPatience = std::chrono::seconds(2);

  // Those that may have a session which one of the selectors means.
  std::vector<size_t> WorkersOf(const std::vector<Selector>& selectors) const;
  // Has `act` called in the thread of each worker that may have a session of `of`.
  void Act(const Selector& of, std::function<ActionTally(Worker& worker)> act,
           std::function<void(const ActionAnswer&)> done);

  const Lent lent_;
  const TimePoint started_ = SteadyClock().Now();
  Connections connections_;
};

}  // namespace sheaf
