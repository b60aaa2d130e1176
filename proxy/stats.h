// The documents of /api/performance/websocket/stats, /summary and /metrics, with the field names of the Python original
// where it has them. Pure; any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "memwatch/memory_history.h"
#include "memwatch/pressure.h"
#include "proxy/base/metrics.h"

namespace sheaf {

// Everything that the document tells, as of one moment.
struct StatsSnapshot {
  MetricsTotals totals;
  std::span<const RouteLabels> routes;  // of totals.routes; outlive the snapshot
  std::string_view version;             // of the program; outlives the snapshot
  std::chrono::nanoseconds uptime{0};
  size_t workers = 0;
  uint32_t pool_min_size = 0;
  uint32_t pool_max_size = 0;
  bool ready = false;  // as /readyz says
  memwatch::MemorySample memory;
  memwatch::PressureThresholds memory_thresholds;
  memwatch::MemorySummary memory_summary;
};

// A JSON object. Rates are fractions between 0 and 1, times are in the unit of the field's name; a rate or ratio of
// nothing is 0. The members of a histogram are named by the upper bounds of their buckets ("+Inf": beyond the last
// one), and count what is in that bucket alone.
std::string StatsJson(const StatsSnapshot& snapshot);

// A short form of it: what an operator looks at first, with averages and peaks.
std::string SummaryJson(const StatsSnapshot& snapshot);

// The history of memory: {"metrics":[{"timestamp":...,"rss_mb":...,...},...]}, times in seconds since 1970.
std::string HistoryJson(std::span<const memwatch::MemorySample> samples);

}  // namespace sheaf
