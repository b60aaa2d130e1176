// The families of metrics as text, and the figures of the process that every exporter gives.
// Pure but for ReadProcessUsage, which asks the kernel. Any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "proxy/base/exposition.h"
#include "proxy/base/metrics.h"

namespace sheaf {

// What is known of the program from its start on.
struct ProcessFacts {
  std::string_view version;
  std::string_view commit;
  std::chrono::system_clock::time_point started;
  size_t workers;
};

// What the kernel says of the process now. A figure that could not be read (no /proc, no descriptor left) is absent.
struct ProcessUsage {
  double cpu_seconds = 0;  // user and system
  std::optional<uint64_t> resident_bytes;
  std::optional<uint64_t> virtual_bytes;
  std::optional<uint64_t> open_descriptors;
  std::optional<uint64_t> max_descriptors;  // the soft limit
};
ProcessUsage ReadProcessUsage();

void AppendMetrics(const MetricsTotals& totals, Exposition& text);
// What is counted by route and rule.
void AppendRouteMetrics(const MetricsTotals& totals, Exposition& text);
// What is counted by endpoint.
void AppendEndpointMetrics(const EndpointTable& endpoints, Exposition& text);
void AppendProbedState(const ProbedState& state, Exposition& text);
void AppendProcessMetrics(const ProcessFacts& facts, const ProcessUsage& usage, Exposition& text);

}  // namespace sheaf
