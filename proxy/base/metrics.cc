#include "proxy/base/metrics.h"

#include <algorithm>
#include <utility>

#include "proxy/base/build_info.h"
#include "proxy/base/log.h"
#include "proxy/base/prometheus.h"

namespace sheaf {
namespace {

void AddAll(const std::vector<RuleCounter>& counters, std::vector<uint64_t>& sums) {
  sums.resize(counters.size());
  for (size_t i = 0; i < counters.size(); ++i) sums[i] += counters[i].value();
}

void AddAll(const CellArray<Counter, StatusClassLabels>& counters, StatusTotals& sums) {
  for (size_t i = 0; i < sums.size(); ++i) sums[i] += counters.at(i).value();
}

}  // namespace

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
  AddAll(worker.unrouted, unrouted);
  routes.resize(worker.routes.size());
  for (size_t i = 0; i < routes.size(); ++i) {
    AddAll(worker.routes[i].requests, routes[i].requests);
    routes[i].request_seconds.Add(worker.routes[i].request_seconds);
    routes[i].dropped += worker.routes[i].dropped.value();
    AddAll(worker.routes[i].critical, routes[i].critical);
    AddAll(worker.routes[i].conflated, routes[i].conflated);
  }
}

MetricsRegistry::MetricsRegistry(std::string version)
    : version_(std::move(version)), started_(std::chrono::system_clock::now()) {}

WorkerMetrics& MetricsRegistry::AddWorker() {
  WorkerMetrics& worker = *workers_.emplace_back(std::make_unique<WorkerMetrics>());
  // Counters cannot be moved, so each list is made in its full length.
  worker.routes = std::vector<RouteCounters>(routes_.size());
  for (size_t i = 0; i < routes_.size(); ++i) {
    worker.routes[i].critical = std::vector<RuleCounter>(routes_[i].critical.size());
    worker.routes[i].conflated = std::vector<RuleCounter>(routes_[i].conflated.size());
  }
  return worker;
}

MetricsTotals MetricsRegistry::Sum() const {
  MetricsTotals totals;
  totals.Add(process_);
  for (const auto& worker : workers_) totals.Add(*worker);
  // Any thread drops lines, also those that have no block.
  totals.log_dropped_total = DroppedLogLines();
  return totals;
}

std::string MetricsRegistry::Render(ExpositionFormat format) const {
  Exposition text(format);
  const MetricsTotals totals = Sum();
  AppendMetrics(totals, text);
  AppendRouteMetrics(routes_, totals, text);
  AppendProcessMetrics({version_, BuildCommit(), started_, workers_.size()}, ReadProcessUsage(), text);
  return text.Take();
}

}  // namespace sheaf
