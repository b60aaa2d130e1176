// What is counted by route and by rule. A route is known by its path and a rule by its label, and what was once counted
// stays: whatever a reload takes away or puts in another order, no counter falls.
//
//   RouteCells cells = metrics.routes.Cells({.route = "/api", .critical = {"alert"}, .conflated = {}});
//   cells.route->dropped.Add();
//   cells.critical[0]->Add();
//
// One table a worker, whose thread alone asks for cells and adds to them; any thread may sum them up.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "proxy/base/metric_cells.h"
#include "proxy/base/metric_table.h"

namespace sheaf {

// How a route and its rules are called. The labels of one list differ.
struct RouteLabels {
  std::string route;  // its path
  std::vector<std::string> critical;
  std::vector<std::string> conflated;
};

// What was counted for one route. On cache lines of its own, since the tables of two workers may lie side by side.
struct alignas(64) RouteCounters {
  CellArray<Counter, StatusClassLabels> requests;    // answered, by class of the status
  Histogram<RequestSecondsBuckets> request_seconds;  // of those that were not refused at once
  Gauge sessions;                                    // WebSockets open now
  Counter dropped;                                   // slow_client = "drop_oldest"
  Counter deflate_input_bytes;                       // of payload for clients that agreed on compression
  Counter deflate_output_bytes;                      // of it as it was sent, compressed or not
};
struct alignas(64) RuleCounter : Counter {};

// The cells of one route, for whoever counts; valid as long as the table lives.
struct RouteCells {
  RouteCounters* route = nullptr;
  std::vector<RuleCounter*> critical;   // in the order of the labels that were asked for
  std::vector<RuleCounter*> conflated;  // messages that newer ones replaced
};

using StatusTotals = std::array<uint64_t, StatusClassLabels::kCount>;

struct RouteTotals {
  RouteLabels labels;
  StatusTotals requests{};
  HistogramTotals<RequestSecondsBuckets> request_seconds{};
  int64_t sessions = 0;
  uint64_t dropped = 0;
  uint64_t deflate_input_bytes = 0;
  uint64_t deflate_output_bytes = 0;
  std::vector<uint64_t> critical;  // in the order of the labels
  std::vector<uint64_t> conflated;
};

class RouteCounterTable {
 public:
  // Makes what is not there yet.
  RouteCells Cells(const RouteLabels& labels);

  // Any thread. Adds each route to the one of its path in `totals`, or behind the last one.
  void AddTo(std::vector<RouteTotals>& totals) const;

 private:
  struct Rule {
    std::string label;
    RuleCounter counter;
  };
  using Rules = std::deque<Rule>;  // whose elements do not move
  struct Route {
    RouteCounters counters;  // in front: whole cache lines
    std::string path;
    Rules critical;
    Rules conflated;
  };

  static std::vector<RuleCounter*> CellsOf(const std::vector<std::string>& labels, Rules& rules);
  static void AddRules(const Rules& rules, std::vector<std::string>& labels, std::vector<uint64_t>& counts);

  mutable std::mutex mutex_;  // of the lists; never taken to count
  std::deque<Route> routes_;
};

void Add(const CellArray<Counter, StatusClassLabels>& counters, StatusTotals& sums);

}  // namespace sheaf
