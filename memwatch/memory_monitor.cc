#include "memwatch/memory_monitor.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <utility>

#include "proxy/base/events.h"

namespace sheaf::memwatch {
namespace {

std::string Mebibytes(uint64_t bytes) {
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.1fMiB", static_cast<double>(bytes) / (1024.0 * 1024.0));
  return text.data();
}

}  // namespace

MemoryMonitor::MemoryMonitor(const Options::Memory& options, Read read, WorkerMetrics& metrics)
    : options_(options),
      read_(std::move(read)),
      metrics_(metrics),
      pressure_(PressureThresholds::From(options)),
      history_(options.history, options.check_interval) {}

void MemoryMonitor::Adopt(const Options::Memory& options) {
  options_ = options;
  pressure_.Adopt(PressureThresholds::From(options));
  history_.Resize(options.history, options.check_interval);
}

PressureLevel MemoryMonitor::Look(TimePoint now) {
  const PressureLevel before = pressure_.level();
  const PressureLevel after = Update(now);
  if (cleaned_up_ == TimePoint{}) cleaned_up_ = trimmed_ = now;
  if (after > before) {
    TakeSteps(before, now);
    cleaned_up_ = trimmed_ = now;
  } else {
    if (after < before) EndSteps(before, after);
    RepeatSteps(now);
  }
  return pressure_.level();
}

PressureLevel MemoryMonitor::Update(TimePoint now) {
  reading_ = read_();
  const PressureLevel before = pressure_.level();
  const PressureLevel after = pressure_.Update(reading_.percent(), now);
  level_.store(after, std::memory_order_relaxed);
  // Looks that were hinted at come by the hundred: they must not drive the last hours out of the history.
  const bool keep = after != before || kept_ == TimePoint{} || now - kept_ >= options_.check_interval;
  Record();
  if (keep) Keep(now);
  if (after != before) Tell({before, after, reading_});
  return after;
}

void MemoryMonitor::Tell(const PressureChange& change) {
  metrics_.memory_level_changes_total[change.after].Add();
  const LogLevel level = change.after > change.before ? LogLevel::kWarning : LogLevel::kInfo;
  Announce(EventKind::kPressure, level, "memory pressure",
           {{"level", NameOf(change.after)},
            {"before", NameOf(change.before)},
            {"used", Mebibytes(change.reading.used)},
            {"limit", Mebibytes(change.reading.limit)},
            {"percent", LogValue::Decimal(change.reading.percent(), 1)}});
  const PressureLevel higher = std::max(change.before, change.after);
  for (const Registered& one : callbacks_) {
    if (higher >= one.from) one.callback(change);
  }
}

// Memory may grow on while steps are taken, and faster than they are: a level that is reached meanwhile is in force at
// once, and its steps are taken along with those that are left.
void MemoryMonitor::TakeSteps(PressureLevel before, TimePoint now) {
  std::array<bool, kReliefRows.size()> taken{};
  for (size_t i = 0; i < kReliefRows.size();) {
    const ReliefRow& row = kReliefRows[i];
    // The allocator has something to give back after each rise.
    const bool begins = (row.from > before && row.from <= pressure_.level()) || row.step == ReliefStep::kTrimAllocator;
    if (!begins || std::exchange(taken[i], true)) {
      ++i;
    } else if (row.kind != ReliefKind::kOnce) {
      Begin(row);
    } else {
      TakeAndLog(row);
      if (!WouldRise()) continue;
      Update(now);
      taken[static_cast<size_t>(ReliefStep::kTrimAllocator)] = false;
      i = 0;
    }
  }
}

void MemoryMonitor::TakeAndLog(const ReliefRow& row) {
  const uint64_t used = read_().used;
  const uint64_t given_back = Take(row.step);
  Announce(EventKind::kPressure, LogLevel::kWarning, "memory relief",
           {{"step", row.label},
            {"effect", row.text},
            {"given_back", Mebibytes(given_back)},
            {"used_before", Mebibytes(used)},
            {"used_after", Mebibytes(read_().used)}});
}

void MemoryMonitor::Begin(const ReliefRow& row) {
  const auto index = static_cast<size_t>(row.step);
  const MetricsTotals totals = totals_ ? totals_() : MetricsTotals{};
  begun_[index] = {reading_.used, totals.memory_relief_total[index], totals.memory_relief_bytes_total[index]};
  // The workers count each session that they close.
  if (row.kind == ReliefKind::kWhile) metrics_.memory_relief_total[row.step].Add();
  Announce(EventKind::kPressure, LogLevel::kWarning, "memory relief begins",
           {{"step", row.label}, {"effect", row.text}, {"used", Mebibytes(reading_.used)}});
}

void MemoryMonitor::EndSteps(PressureLevel before, PressureLevel after) {
  for (const ReliefRow& row : kReliefRows) {
    if (row.kind == ReliefKind::kOnce || row.from > before || row.from <= after) continue;
    const auto index = static_cast<size_t>(row.step);
    const Begun& begun = begun_[index];
    const MetricsTotals totals = totals_ ? totals_() : MetricsTotals{};
    Announce(EventKind::kPressure, LogLevel::kInfo, "memory relief ends",
             {{"step", row.label},
              {"count", totals.memory_relief_total[index] - begun.count},
              {"given_back", Mebibytes(totals.memory_relief_bytes_total[index] - begun.bytes)},
              {"used_before", Mebibytes(begun.used)},
              {"used_after", Mebibytes(reading_.used)}});
  }
}

// What was freed once fills up again; and what nobody needs at a quiet time need not be kept either.
void MemoryMonitor::RepeatSteps(TimePoint now) {
  const bool clean_up = now - cleaned_up_ >= options_.cleanup_interval;
  // What sessions that were closed have freed counts until the allocator gives it back: meanwhile more would be closed.
  constexpr Duration kTrimUnderPressure = std::chrono::seconds(2);
  const bool pressed = pressure_.level() > PressureLevel::kNormal;
  const Duration trim_interval = options_.trim_interval;
  const bool trim = now - trimmed_ >= (pressed ? std::min(trim_interval, kTrimUnderPressure) : trim_interval);
  if (clean_up) {
    cleaned_up_ = now;
    for (const ReliefRow& row : kReliefRows) {
      const bool due = InForce(row.step, pressure_.level()) || row.step == ReliefStep::kFreeBuffers;
      if (due && row.kind == ReliefKind::kOnce && row.step != ReliefStep::kTrimAllocator) Take(row.step);
    }
  }
  if (trim || (clean_up && pressed)) {
    trimmed_ = now;
    Take(ReliefStep::kTrimAllocator);
  }
}

uint64_t MemoryMonitor::Take(ReliefStep step) {
  const uint64_t given_back = relieve_ ? relieve_(step) : 0;
  metrics_.memory_relief_total[step].Add();
  metrics_.memory_relief_bytes_total[step].Add(given_back);
  return given_back;
}

void MemoryMonitor::Record() {
  metrics_.memory_used_bytes.Set(static_cast<int64_t>(reading_.used));
  metrics_.memory_limit_bytes.Set(static_cast<int64_t>(reading_.limit));
  metrics_.memory_sockets_bytes.Set(static_cast<int64_t>(reading_.sockets));
  metrics_.memory_level.Set(static_cast<int64_t>(pressure_.level()));
  metrics_.memory_looks_total.Add();
}

void MemoryMonitor::Keep(TimePoint now) {
  kept_ = now;
  history_.Add({.at = std::chrono::system_clock::now(),
                .reading = reading_,
                .level = pressure_.level(),
                .traffic = totals_ ? traffic_.Take(totals_(), now) : Traffic{}});
}

}  // namespace sheaf::memwatch
