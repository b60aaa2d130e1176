// Counting: one block of plain counters a worker, summed when somebody asks.
//
//   MetricsRegistry registry("1.2.3");
//   registry.DefineRoutes({{.route = "/api", .critical = {"alert"}, .conflated = {"price_update /symbol"}}});
//   WorkerMetrics& metrics = registry.AddWorker();       // at start, before the worker's thread runs
//   metrics.messages_to_clients_total.Add();             // the worker's thread
//   metrics.client_closes_total[CloseReason::kDrain].Add();
//   metrics.routes[0].conflated[0].Add();
//   std::string text = registry.Render(ExpositionFormat::kPrometheus);      // any thread
//
// A cell is written by its worker's thread only, so adding is a plain load and store; any thread may read it. Sums are
// therefore exact for each cell but not taken at one instant.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "proxy/base/exposition.h"
#include "proxy/base/metric_table.h"

namespace sheaf {

// Written by one thread, read by any.
class Counter {
 public:
  void Add(uint64_t n = 1) { value_.store(value() + n, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// Written by one thread, read by any.
class Gauge {
 public:
  void Add(int64_t n = 1) { value_.store(value() + n, std::memory_order_relaxed); }
  void Sub(int64_t n = 1) { Add(-n); }
  void Set(int64_t value) { value_.store(value, std::memory_order_relaxed); }
  int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

// One cell a value of a label, indexed by the enum that the labels describe.
template <typename Cell, typename Labels>
class CellArray {
 public:
  static constexpr size_t kCount = Labels::kCount;

  template <typename E>
  requires std::is_enum_v<E> Cell& operator[](E index) { return cells_[static_cast<size_t>(index)]; }
  const Cell& at(size_t index) const { return cells_[index]; }

 private:
  std::array<Cell, kCount> cells_;
};

// Observations in the unit of the bounds. A bound belongs to the bucket under it ("le").
template <typename Buckets>
class Histogram {
 public:
  static constexpr size_t kBounds = Buckets::kBounds.size();

  void Observe(uint64_t value) {
    size_t bucket = 0;
    while (bucket < kBounds && value > Buckets::kBounds[bucket]) ++bucket;
    buckets_[bucket].Add();
    sum_.Add(value);
  }
  // Rounded up, so that what is over a bound stays over it.
  void Observe(std::chrono::nanoseconds time) {
    const auto ticks = std::chrono::ceil<typename Buckets::Tick>(time).count();
    Observe(ticks > 0 ? static_cast<uint64_t>(ticks) : uint64_t{0});
  }

  // Observations in bucket i alone; the last bucket has no upper bound.
  uint64_t bucket(size_t i) const { return buckets_[i].value(); }
  uint64_t sum() const { return sum_.value(); }

 private:
  std::array<Counter, kBounds + 1> buckets_;
  Counter sum_;
};

// How the routes and their rules are called in the counters that each of them has.
struct RouteLabels {
  std::string route;  // its path
  std::vector<std::string> critical;
  std::vector<std::string> conflated;
};

// On a cache line of its own, since the lists of two workers may lie side by side.
struct alignas(64) RuleCounter : Counter {};

// What was counted for one route.
struct alignas(64) RouteCounters {
  CellArray<Counter, StatusClassLabels> requests;    // answered, by class of the status
  Histogram<RequestSecondsBuckets> request_seconds;  // of those that were not refused at once
  Counter dropped;                                   // slow_client = "drop_oldest"
  std::vector<RuleCounter> critical;                 // a critical rule's
  std::vector<RuleCounter> conflated;                // replaced by newer ones, by conflation rule
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
  std::vector<RouteCounters> routes;               // in the order of MetricsRegistry::DefineRoutes
};

// A histogram's sum over the workers.
template <typename Buckets>
struct HistogramTotals {
  void Add(const Histogram<Buckets>& histogram) {
    for (size_t i = 0; i < buckets.size(); ++i) buckets[i] += histogram.bucket(i);
    sum += histogram.sum();
  }

  std::array<uint64_t, Buckets::kBounds.size() + 1> buckets{};
  uint64_t sum = 0;

  uint64_t count() const {
    uint64_t all = 0;
    for (const uint64_t bucket : buckets) all += bucket;
    return all;
  }
  // Of all observations, in the exported base unit; 0 without any.
  double mean() const {
    const uint64_t observed = count();
    return observed == 0 ? 0.0 : static_cast<double>(sum) / Buckets::kPerUnit / static_cast<double>(observed);
  }
};

using StatusTotals = std::array<uint64_t, StatusClassLabels::kCount>;

struct RouteTotals {
  StatusTotals requests{};
  HistogramTotals<RequestSecondsBuckets> request_seconds{};
  uint64_t dropped = 0;
  std::vector<uint64_t> critical;
  std::vector<uint64_t> conflated;
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

// Owns the workers' blocks; made by the server before the workers and destroyed after them. DefineRoutes and
// AddWorker run at start, in the server's thread; the rest in any thread once all workers are added.
class MetricsRegistry {
 public:
  explicit MetricsRegistry(std::string version);
  MetricsRegistry(const MetricsRegistry&) = delete;
  MetricsRegistry& operator=(const MetricsRegistry&) = delete;

  // Before the first AddWorker; without it there are no counters by route. The labels of one list must differ.
  void DefineRoutes(std::vector<RouteLabels> routes) { routes_ = std::move(routes); }
  WorkerMetrics& AddWorker();
  // For what concerns the process as a whole; one thread writes to it.
  WorkerMetrics& process() { return process_; }

  const std::vector<RouteLabels>& routes() const { return routes_; }
  size_t workers() const { return workers_.size(); }
  const WorkerMetrics& worker(size_t index) const { return *workers_[index]; }
  const std::string& version() const { return version_; }
  std::chrono::system_clock::time_point started() const { return started_; }

  MetricsTotals Sum() const;

  // All metrics and those of the process.
  std::string Render(ExpositionFormat format) const;

 private:
  const std::string version_;
  const std::chrono::system_clock::time_point started_;
  std::vector<RouteLabels> routes_;
  std::vector<std::unique_ptr<WorkerMetrics>> workers_;
  WorkerMetrics process_;
};

}  // namespace sheaf
