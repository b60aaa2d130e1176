// The document of /api/performance/websocket/stats, with the field names of the Python original where it has them.
// Every field, with its unit and meaning, is in proxy/admin/api.md; a test compares. Pure; any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "memwatch/memory_history.h"
#include "memwatch/pressure.h"
#include "proxy/base/metrics.h"

namespace sheaf {

// Everything that the document tells, as of one moment.
struct StatsSnapshot {
  MetricsTotals totals;
  std::string_view version;  // of the program; outlives the snapshot
  std::string_view commit;   // that it was built from; a constant
  std::chrono::nanoseconds uptime{0};
  size_t workers = 0;
  uint64_t generation = 0;
  std::chrono::nanoseconds generation_age{0};
  std::string config_sha256;  // of the conf file as it was read; empty: there is none
  uint32_t pool_min_size = 0;
  uint32_t pool_max_size = 0;  // to one endpoint
  uint32_t pool_busiest = 0;   // leased connections to the endpoint that has the most of them
  bool ready = false;          // as /readyz says
  memwatch::MemorySample memory;
  memwatch::PressureThresholds memory_thresholds;
  memwatch::MemorySummary memory_summary;
};

// A JSON object. The members of a histogram are named by the upper bounds of their buckets ("+Inf": beyond the last
// one), and count what is in that bucket alone.
std::string StatsJson(const StatsSnapshot& snapshot);

}  // namespace sheaf
