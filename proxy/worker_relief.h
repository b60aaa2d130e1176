// What one worker does about memory pressure and load: it follows the level, takes the steps of relief, and sheds
// sessions. The level itself is memwatch's, and what each level means is in base/pressure.h.
//
// Owned by the worker, which calls it once or more a turn; worker thread only.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "memwatch/shed_pace.h"
#include "pool/upstreams.h"
#include "proxy/base/metrics.h"
#include "proxy/base/pressure.h"
#include "proxy/busy_gauge.h"
#include "proxy/members.h"
#include "proxy/net/loop.h"
#include "proxy/outbox/stores.h"
#include "proxy/plan/context.h"
#include "proxy/plan/shared.h"
#include "proxy/session/inflater_store.h"
#include "proxy/shed_victims.h"

namespace sheaf {

class WorkerRelief {
 public:
  // What the worker lends; all of it outlives this.
  struct Lent {
    Shared& shared;
    net::Loop& loop;
    WorkerMetrics& metrics;
    WorkerContext& context;
    pool::Upstreams& upstreams;
    OutboxStores& outboxes;
    InflaterStore& inflaters;
    Members& members;
  };
  explicit WorkerRelief(const Lent& lent);
  WorkerRelief(const WorkerRelief&) = delete;
  WorkerRelief& operator=(const WorkerRelief&) = delete;

  // Adapts to the level that the watcher has told of.
  void FollowPressure() {
    const PressureLevel level = lent_.shared.pressure.load(std::memory_order_relaxed);
    if (level != lent_.context.pressure()) AdaptTo(level);
  }
  // Looks, about once a second, at how busy the thread is: that decides how long messages wait that gain nothing else
  // by waiting.
  void FollowLoad();
  // Where more waits for clients faster than the watcher's interval passes, the watcher is asked to look now.
  void HintAtGrowth();
  // Amid a turn in which much was queued or gathered.
  void WatchGrowth() {
    FollowPressure();
    HintAtGrowth();
  }
  // Ends as many clients as memory.shed_rate allows now, where the level asks for it; they may be destroyed only after
  // the turn.
  void ShedWithinBudget();
  // Takes one of the steps that are taken once. Returns the bytes that it gave back, about.
  uint64_t Relieve(ReliefStep step);
  // Another configuration is in force, in the context already.
  void OnAdopted();
  // Bytes that compression contexts may take: this worker's part.
  size_t ContextBound() const;

 private:
  // So much more waiting than before is worth a look at memory.
  static constexpr uint64_t kGrowthForHint = 1024 * 1024;
  // Cutting off a client that reads is worth it if it costs so much.
  static constexpr size_t kCostly = 16 * 1024;
  static constexpr Duration kCostlyInterval = std::chrono::seconds(1);

  const Options& options() const { return lent_.context.options(); }
  double ShedRate() const { return static_cast<double>(options().memory.shed_rate) / lent_.shared.workers; }
  void AdaptTo(PressureLevel level);
  uint64_t FlushForMemory();
  // Makes victims of the longest idle.
  void FindIdle(size_t most);
  void BeginToLookForCostly();
  bool MayLookForCostly() const;
  Reads HowItReads(Duration stalled) const;
  // Makes victims of those who cost most among those who read no better than `best`.
  void FindCostly(Reads best, size_t most);
  void Shed(ReliefStep step);

  const Lent lent_;  // set at construction
  BusyGauge busy_gauge_;
  memwatch::ShedPace shed_pace_;
  TimePoint costly_looked_for_{};
  std::vector<Victim> victims_;   // scratch of one turn
  uint64_t waiting_at_hint_ = 0;  // bytes that waited for somebody when the watcher was last asked to look
};

}  // namespace sheaf
