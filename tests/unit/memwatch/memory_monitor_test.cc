#include "memwatch/memory_monitor.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "proxy/base/log.h"

namespace sheaf::memwatch {
namespace {

using namespace std::chrono_literals;
using enum PressureLevel;

// A monitor whose readings and time the test sets.
struct Fixture {
  Fixture() {
    SetLogLevel(LogLevel::kError);
    monitor.SetRelief(
        [this](ReliefStep step) {
          steps.push_back(step);
          return uint64_t{1000};
        },
        [this] { return registry.Sum(); });
  }

  PressureLevel Look(uint64_t percent) {
    reading = {.used = percent, .limit = 100, .rss = percent, .vms = 2 * percent};
    now += 1s;
    return monitor.Look(now);
  }
  std::vector<ReliefStep> TakeSteps() { return std::exchange(steps, {}); }

  Options::Memory options;
  MemoryReading reading;
  MetricsRegistry registry{"test"};
  WorkerMetrics& metrics = registry.process();
  MemoryMonitor monitor{options, [this] { return reading; }, metrics};
  std::vector<ReliefStep> steps;
  TimePoint now{1h};
};

TEST_CASE_FIXTURE(Fixture, "Each level takes its own steps, and the allocator's after them") {
  Look(10);
  CHECK(TakeSteps().empty());
  Look(60);
  CHECK(TakeSteps() == std::vector{ReliefStep::kFreeBuffers, ReliefStep::kTrimPool, ReliefStep::kTrimAllocator});
  Look(72);
  CHECK(TakeSteps() == std::vector{ReliefStep::kDropContexts, ReliefStep::kFlush, ReliefStep::kTrimAllocator});
  Look(80);
  CHECK(TakeSteps() == std::vector{ReliefStep::kTrimAllocator});
}

TEST_CASE_FIXTURE(Fixture, "Other thresholds hold from the next look on") {
  CHECK(Look(50) == kNormal);
  options.max_percent = 50;
  monitor.Adopt(options);
  CHECK(Look(50) == kCritical);
}

TEST_CASE_FIXTURE(Fixture, "A jump from normal to critical takes the steps of all levels, in their order") {
  Look(10);
  Look(95);
  CHECK(TakeSteps() == std::vector{ReliefStep::kFreeBuffers, ReliefStep::kTrimPool, ReliefStep::kDropContexts,
                                   ReliefStep::kFlush, ReliefStep::kTrimAllocator});
  CHECK(metrics.memory_relief_total[ReliefStep::kTightenBatches].value() == 1);
  CHECK(metrics.memory_relief_total[ReliefStep::kRefuse].value() == 1);
}

TEST_CASE_FIXTURE(Fixture, "A level that is reached while steps are taken is in force at once, with its own steps") {
  PressureLevel level_at_trim = kNormal;
  monitor.SetRelief(
      [&](ReliefStep step) {
        steps.push_back(step);
        if (step == ReliefStep::kFreeBuffers) reading.used = 75;
        if (step == ReliefStep::kTrimAllocator && reading.used == 75) reading.used = 90;
        if (step == ReliefStep::kTrimPool) level_at_trim = monitor.level();
        return uint64_t{1000};
      },
      {});
  CHECK(Look(60) == kCritical);
  CHECK(level_at_trim == kHigh);
  CHECK(TakeSteps() == std::vector{ReliefStep::kFreeBuffers, ReliefStep::kTrimPool, ReliefStep::kDropContexts,
                                   ReliefStep::kFlush, ReliefStep::kTrimAllocator, ReliefStep::kTrimAllocator});
  CHECK(metrics.memory_level_changes_total[kModerate].value() == 1);
  CHECK(metrics.memory_level_changes_total[kHigh].value() == 1);
  CHECK(metrics.memory_level_changes_total[kCritical].value() == 1);
  CHECK(metrics.memory_relief_total[ReliefStep::kRefuse].value() == 1);
}

TEST_CASE_FIXTURE(Fixture, "A level that lasts repeats its steps at the clean-up interval, not before") {
  Look(75);
  TakeSteps();
  for (int second = 1; second < 60; ++second) Look(75);
  const std::vector<ReliefStep> meanwhile = TakeSteps();
  CHECK(std::count(meanwhile.begin(), meanwhile.end(), ReliefStep::kTrimAllocator) == std::ssize(meanwhile));
  Look(75);
  CHECK(TakeSteps() == std::vector{ReliefStep::kFreeBuffers, ReliefStep::kTrimPool, ReliefStep::kDropContexts,
                                   ReliefStep::kFlush, ReliefStep::kTrimAllocator});
}

TEST_CASE_FIXTURE(Fixture, "While a level lasts, what sessions have freed is given back every two seconds") {
  Look(75);
  TakeSteps();
  for (int second = 1; second <= 10; ++second) Look(75);
  CHECK(TakeSteps() == std::vector(5, ReliefStep::kTrimAllocator));
}

TEST_CASE_FIXTURE(Fixture,
                  "At normal, spare buffers are freed at the clean-up interval and the allocator trimmed at its own") {
  for (int second = 0; second <= 300; ++second) Look(10);
  const std::vector<ReliefStep> taken = TakeSteps();
  CHECK(std::count(taken.begin(), taken.end(), ReliefStep::kFreeBuffers) == 5);
  CHECK(std::count(taken.begin(), taken.end(), ReliefStep::kTrimAllocator) == 1);
  CHECK(taken.size() == 6);
}

TEST_CASE_FIXTURE(Fixture, "Steps and the bytes they gave back are counted") {
  Look(60);
  CHECK(metrics.memory_relief_total[ReliefStep::kFreeBuffers].value() == 1);
  CHECK(metrics.memory_relief_bytes_total[ReliefStep::kFreeBuffers].value() == 1000);
  CHECK(metrics.memory_level_changes_total[kModerate].value() == 1);
  CHECK(metrics.memory_level.value() == 1);
  CHECK(metrics.memory_used_bytes.value() == 60);
  CHECK(metrics.memory_limit_bytes.value() == 100);
}

TEST_CASE_FIXTURE(Fixture, "Callbacks hear of changes at and above their level, and of the way back below it") {
  std::vector<std::pair<PressureLevel, PressureLevel>> heard;
  monitor.AddCallback(kHigh, [&](const PressureChange& change) { heard.emplace_back(change.before, change.after); });
  Look(10);
  Look(60);
  CHECK(heard.empty());
  Look(95);
  for (int second = 0; second < 20; ++second) Look(10);
  using Changes = std::vector<std::pair<PressureLevel, PressureLevel>>;
  CHECK(heard == Changes{{kModerate, kCritical}, {kCritical, kHigh}, {kHigh, kModerate}});
  CHECK(monitor.level() == kNormal);
}

TEST_CASE_FIXTURE(Fixture, "A callback comes after the level is in force and before the steps of relief") {
  size_t steps_before = 99;
  PressureLevel level_then = kNormal;
  monitor.AddCallback(kModerate, [&](const PressureChange& /*change*/) {
    steps_before = steps.size();
    level_then = monitor.level();
  });
  Look(60);
  CHECK(steps_before == 0);
  CHECK(level_then == kModerate);
}

TEST_CASE_FIXTURE(Fixture, "Every look is in the history") {
  Look(10);
  Look(61);
  const std::vector<MemorySample> samples = monitor.history().Since({});
  REQUIRE(samples.size() == 2);
  CHECK(samples[0].level == kNormal);
  CHECK(samples[1].level == kModerate);
}

TEST_CASE_FIXTURE(Fixture, "What went through between two looks is in the history") {
  WorkerMetrics& worker = registry.AddWorker();
  worker.websocket_sessions.Set(7);
  Look(10);
  worker.messages_to_clients_total.Add(40);
  Look(10);
  const std::vector<MemorySample> samples = monitor.history().Since({});
  REQUIRE(samples.size() == 2);
  CHECK(samples[0].traffic.sessions == 7);
  CHECK(samples[0].traffic.messages_to_clients == 0);
  CHECK(samples[1].traffic.messages_to_clients == 40);  // the looks are a second apart
}

TEST_CASE_FIXTURE(Fixture, "Looks between two intervals are in the history only where the level changes") {
  Look(10);
  reading.used = 11;
  for (int i = 1; i < 100; ++i) monitor.Look(now + i * 1ms);
  CHECK(monitor.history().Since({}).size() == 1);
  CHECK(metrics.memory_looks_total.value() == 100);
  reading.used = 65;
  monitor.Look(now + 200ms);
  CHECK(monitor.history().Since({}).size() == 2);
  monitor.Look(now + 1200ms);
  CHECK(monitor.history().Since({}).size() == 3);
}

}  // namespace
}  // namespace sheaf::memwatch
