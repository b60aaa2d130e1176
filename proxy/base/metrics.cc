#include "proxy/base/metrics.h"

#include <algorithm>
#include <utility>

#include "proxy/base/build_info.h"
#include "proxy/base/log.h"
#include "proxy/base/prometheus.h"

namespace sheaf {
StatusTotals MetricsTotals::requests() const {
  StatusTotals all = unrouted;
  for (const RouteTotals& route : routes) {
    for (size_t i = 0; i < all.size(); ++i) all[i] += route.requests[i];
  }
  return all;
}

void MetricsTotals::Add(const WorkerMetrics& worker) {
#define SHEAF_SCALAR(member, name, help) member += worker.member.value();
#define SHEAF_MAX(member, name, help) member = std::max(member, worker.member.value());
#define SHEAF_ARRAY(member, name, key, labels, help) \
  for (size_t i = 0; i < labels::kCount; ++i) member[i] += worker.member.at(i).value();
#define SHEAF_HISTOGRAM(member, name, bounds, help) member.Add(worker.member);
  SHEAF_METRICS(SHEAF_SCALAR, SHEAF_SCALAR, SHEAF_MAX, SHEAF_ARRAY, SHEAF_ARRAY, SHEAF_HISTOGRAM)
#undef SHEAF_SCALAR
#undef SHEAF_MAX
#undef SHEAF_ARRAY
#undef SHEAF_HISTOGRAM
  sheaf::Add(worker.unrouted, unrouted);
  worker.routes.AddTo(routes);
}

MetricsRegistry::MetricsRegistry(std::string version)
    : version_(std::move(version)), started_(std::chrono::system_clock::now()) {}

WorkerMetrics& MetricsRegistry::AddWorker() {
  return *workers_.emplace_back(std::make_unique<WorkerMetrics>());
}

MetricsTotals MetricsRegistry::Sum() const {
  MetricsTotals totals;
  totals.Add(process_);
  for (const auto& worker : workers_) totals.Add(*worker);
  // Any thread drops lines, also those that have no block.
  totals.log_dropped_total = DroppedLogLines();
  return totals;
}

std::string MetricsRegistry::Render(ExpositionFormat format, const ProbedState& state) const {
  Exposition text(format);
  const MetricsTotals totals = Sum();
  AppendMetrics(totals, text);
  AppendRouteMetrics(totals, text);
  AppendEndpointMetrics(endpoints_, text);
  AppendProbedState(state, text);
  AppendProcessMetrics({version_, BuildCommit(), started_, workers_.size()}, ReadProcessUsage(), text);
  return text.Take();
}

}  // namespace sheaf
