// Counting: one block of plain counters a worker, summed when somebody asks.
//
//   MetricsRegistry registry("1.2.3");
//   WorkerMetrics& metrics = registry.AddWorker();       // at start, before the worker's thread runs
//   metrics.messages_to_clients_total.Add();             // the worker's thread
//   metrics.client_closes_total[CloseReason::kDrain].Add();
//   RouteCells route = metrics.routes.Cells({.route = "/api", .critical = {"alert"}, .conflated = {}});
//   route.critical[0]->Add();
//   std::string text = registry.Render(ExpositionFormat::kPrometheus, {.ready = true});      // any thread
//
// Sums are exact for each cell, but not taken at one instant.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "proxy/base/endpoint_counters.h"
#include "proxy/base/exposition.h"
#include "proxy/base/metric_cells.h"
#include "proxy/base/metric_table.h"
#include "proxy/base/route_counters.h"

namespace sheaf {

// What the probes say at the moment of a scrape.
struct ProbedState {
  bool ready = false;     // /readyz
  bool live = false;      // /livez
  bool draining = false;  // a drain is under way, or over and not taken back
};

// A worker's block. It begins on a cache line of its own, so that two workers never write to the same one.
struct alignas(64) WorkerMetrics {
#define SHEAF_COUNTER(member, name, help) Counter member;
#define SHEAF_GAUGE(member, name, help) Gauge member;
#define SHEAF_COUNTERS(member, name, key, labels, help) CellArray<Counter, labels> member;
#define SHEAF_GAUGES(member, name, key, labels, help) CellArray<Gauge, labels> member;
#define SHEAF_HISTOGRAM(member, name, buckets, help) Histogram<buckets> member;
  SHEAF_METRICS(SHEAF_COUNTER, SHEAF_GAUGE, SHEAF_GAUGE, SHEAF_COUNTERS, SHEAF_GAUGES, SHEAF_HISTOGRAM)
#undef SHEAF_COUNTER
#undef SHEAF_GAUGE
#undef SHEAF_COUNTERS
#undef SHEAF_GAUGES
#undef SHEAF_HISTOGRAM
  CellArray<Counter, StatusClassLabels> unrouted;  // requests that were refused before their route was known
  RouteCounterTable routes;
};

// Sums over the workers: plain values.
struct MetricsTotals {
#define SHEAF_COUNTER(member, name, help) uint64_t member = 0;
#define SHEAF_GAUGE(member, name, help) int64_t member = 0;
#define SHEAF_COUNTERS(member, name, key, labels, help) std::array<uint64_t, labels::kCount> member{};
#define SHEAF_GAUGES(member, name, key, labels, help) std::array<int64_t, labels::kCount> member{};
#define SHEAF_HISTOGRAM(member, name, buckets, help) HistogramTotals<buckets> member;
  SHEAF_METRICS(SHEAF_COUNTER, SHEAF_GAUGE, SHEAF_GAUGE, SHEAF_COUNTERS, SHEAF_GAUGES, SHEAF_HISTOGRAM)
#undef SHEAF_COUNTER
#undef SHEAF_GAUGE
#undef SHEAF_COUNTERS
#undef SHEAF_GAUGES
#undef SHEAF_HISTOGRAM
  StatusTotals unrouted{};
  std::vector<RouteTotals> routes;

  // Requests answered, of all routes and of none.
  StatusTotals requests() const;

  void Add(const WorkerMetrics& worker);
};

// Owns the workers' blocks; made by the server before the workers and destroyed after them. AddWorker runs at start, in
// the server's thread; the rest in any thread once all workers are added.
class MetricsRegistry {
 public:
  explicit MetricsRegistry(std::string version);
  MetricsRegistry(const MetricsRegistry&) = delete;
  MetricsRegistry& operator=(const MetricsRegistry&) = delete;

  WorkerMetrics& AddWorker();
  // For what concerns the process as a whole; one thread writes to it.
  WorkerMetrics& process() { return process_; }

  // Of the backends' endpoints.
  EndpointTable& endpoints() { return endpoints_; }
  const EndpointTable& endpoints() const { return endpoints_; }

  size_t workers() const { return workers_.size(); }
  const WorkerMetrics& worker(size_t index) const { return *workers_[index]; }
  const std::string& version() const { return version_; }
  std::chrono::system_clock::time_point started() const { return started_; }

  MetricsTotals Sum() const;

  // The exposition of all metrics, those of the process among them.
  std::string Render(ExpositionFormat format, const ProbedState& state) const;

 private:
  const std::string version_;
  const std::chrono::system_clock::time_point started_;
  std::vector<std::unique_ptr<WorkerMetrics>> workers_;
  WorkerMetrics process_;
  EndpointTable endpoints_;
};

}  // namespace sheaf
