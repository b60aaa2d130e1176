// The documents that tell of the history, which memwatch keeps: /api/performance/websocket/summary and /metrics.
// Every field is in proxy/admin/api.md; a test compares. Pure; any thread.
#pragma once

#include <span>
#include <string>

#include "memwatch/memory_history.h"
#include "proxy/admin/stats.h"

namespace sheaf {

// A short form of the statistics: what an operator looks at first, with averages and peaks of the history.
std::string SummaryJson(const StatsSnapshot& snapshot);

// {"metrics":[{"timestamp":...,"rss_mb":...,...},...]}, the oldest sample first.
std::string HistoryJson(std::span<const memwatch::MemorySample> samples);

}  // namespace sheaf
