#include "proxy/base/metrics.h"

#include <algorithm>
#include <utility>

#include "proxy/base/prometheus.h"

namespace sheaf {

void MetricsTotals::Add(const WorkerMetrics& worker) {
#define SHEAF_SCALAR(member, name, help) member += worker.member.value();
#define SHEAF_MAX(member, name, help) member = std::max(member, worker.member.value());
#define SHEAF_ARRAY(member, name, key, labels, help) \
  for (size_t i = 0; i < labels::kCount; ++i) member[i] += worker.member.at(i).value();
#define SHEAF_HISTOGRAM(member, name, bounds, help)                                                \
  for (size_t i = 0; i < member.buckets.size(); ++i) member.buckets[i] += worker.member.bucket(i); \
  member.sum += worker.member.sum();
  SHEAF_METRICS(SHEAF_SCALAR, SHEAF_SCALAR, SHEAF_MAX, SHEAF_ARRAY, SHEAF_ARRAY, SHEAF_HISTOGRAM)
#undef SHEAF_SCALAR
#undef SHEAF_MAX
#undef SHEAF_ARRAY
#undef SHEAF_HISTOGRAM
}

MetricsRegistry::MetricsRegistry(std::string version)
    : version_(std::move(version)), started_(std::chrono::system_clock::now()) {}

WorkerMetrics& MetricsRegistry::AddWorker() {
  return *workers_.emplace_back(std::make_unique<WorkerMetrics>());
}

MetricsTotals MetricsRegistry::Sum() const {
  MetricsTotals totals;
  for (const auto& worker : workers_) totals.Add(*worker);
  return totals;
}

std::string MetricsRegistry::RenderPrometheus() const {
  std::string text;
  AppendMetrics(Sum(), text);
  AppendProcessMetrics({version_, started_, workers_.size()}, ReadProcessUsage(), text);
  return text;
}

}  // namespace sheaf
