// One look at memory: read, decide on the level, relieve, remember. Without a thread of its own: MemoryWatcher calls
// Look at the interval and when something hints at pressure, tests call it with readings and times of their own.
//
//   MemoryMonitor monitor(options.memory, read, metrics);
//   monitor.SetRelief([&](ReliefStep step) { ...; return bytes_given_back; }, [&] { return registry.Sum(); });
//   monitor.AddCallback(PressureLevel::kCritical, [&](const PressureChange& change) { ... });
//   monitor.Look(now);
//
// One thread (the watcher's) but for level() and history().
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

#include "memwatch/memory_history.h"
#include "memwatch/memory_reading.h"
#include "memwatch/pressure.h"
#include "memwatch/traffic.h"
#include "proxy/base/clock.h"
#include "proxy/base/metrics.h"
#include "proxy/base/option_table.h"
#include "proxy/base/pressure.h"

namespace sheaf::memwatch {

// Told to callbacks.
struct PressureChange {
  PressureLevel before;
  PressureLevel after;
  MemoryReading reading;
};

class MemoryMonitor {
 public:
  using Read = std::function<MemoryReading()>;
  // Takes a step of ReliefKind::kOnce, and returns the bytes that were given back by it, as far as they can be counted.
  using Relieve = std::function<uint64_t(ReliefStep)>;
  // What has been counted by all threads.
  using Totals = std::function<MetricsTotals()>;
  using Callback = std::function<void(const PressureChange&)>;

  // `metrics`: a block that nobody else writes to. It outlives the monitor.
  MemoryMonitor(const Options::Memory& options, Read read, WorkerMetrics& metrics);
  MemoryMonitor(const MemoryMonitor&) = delete;
  MemoryMonitor& operator=(const MemoryMonitor&) = delete;

  // Before the first Look.
  void SetRelief(Relieve relieve, Totals totals) {
    relieve_ = std::move(relieve);
    totals_ = std::move(totals);
  }
  // Has `callback` called when the level comes to or over `from`, and at each change above and back below it; in the
  // order of registration, after the level is in force and before the steps of relief.
  void AddCallback(PressureLevel from, Callback callback) { callbacks_.push_back({from, std::move(callback)}); }

  // From the next look on.
  void Adopt(const Options::Memory& options);

  // Returns the level from now on.
  PressureLevel Look(TimePoint now);
  // Whether a look now would raise the level. For steps that take time: then what that brings is more urgent.
  bool WouldRise() const { return pressure_.WouldRise(read_().percent()); }

  // Any thread.
  PressureLevel level() const { return level_.load(std::memory_order_relaxed); }
  const MemoryHistory& history() const { return history_; }

 private:
  struct Registered {
    PressureLevel from;
    Callback callback;
  };

  // What a step that lasts began with.
  struct Begun {
    uint64_t used = 0;
    uint64_t count = 0;
    uint64_t bytes = 0;
  };

  void Tell(const PressureChange& change);
  // The level after a reading; tells of it when it is another one.
  PressureLevel Update(TimePoint now);
  // Steps that a rise from `before` brings into force, and those that a fall ends.
  void TakeSteps(PressureLevel before, TimePoint now);
  void EndSteps(PressureLevel before, PressureLevel after);
  void Begin(const ReliefRow& row);
  void TakeAndLog(const ReliefRow& row);
  void RepeatSteps(TimePoint now);
  uint64_t Take(ReliefStep step);
  void Record();
  void Keep(TimePoint now);

  Options::Memory options_;
  const Read read_;
  WorkerMetrics& metrics_;
  Relieve relieve_;
  Totals totals_;
  std::vector<Registered> callbacks_;
  Pressure pressure_;
  std::atomic<PressureLevel> level_{PressureLevel::kNormal};
  MemoryHistory history_;
  TrafficMeter traffic_;
  MemoryReading reading_;
  std::array<Begun, kReliefRows.size()> begun_;
  TimePoint cleaned_up_{};  // when kOnce steps were last taken
  TimePoint trimmed_{};
  TimePoint kept_{};  // when a reading was last put into the history
};

}  // namespace sheaf::memwatch
