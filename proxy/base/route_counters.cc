#include "proxy/base/route_counters.h"

#include <algorithm>

namespace sheaf {

std::vector<RuleCounter*> RouteCounterTable::CellsOf(const std::vector<std::string>& labels, Rules& rules) {
  std::vector<RuleCounter*> cells;
  for (const std::string& label : labels) {
    auto rule = std::find_if(rules.begin(), rules.end(), [&label](const Rule& one) { return one.label == label; });
    if (rule == rules.end()) {
      rules.emplace_back().label = label;
      rule = std::prev(rules.end());
    }
    cells.push_back(&rule->counter);
  }
  return cells;
}

RouteCells RouteCounterTable::Cells(const RouteLabels& labels) {
  const std::lock_guard lock(mutex_);
  auto route = std::find_if(routes_.begin(), routes_.end(), [&](const Route& one) { return one.path == labels.route; });
  if (route == routes_.end()) {
    routes_.emplace_back().path = labels.route;
    route = std::prev(routes_.end());
  }
  return {.route = &route->counters,
          .critical = CellsOf(labels.critical, route->critical),
          .conflated = CellsOf(labels.conflated, route->conflated)};
}

void RouteCounterTable::AddRules(const Rules& rules, std::vector<std::string>& labels, std::vector<uint64_t>& counts) {
  for (const Rule& rule : rules) {
    const auto found = std::find(labels.begin(), labels.end(), rule.label);
    const auto place = static_cast<size_t>(found - labels.begin());
    if (found == labels.end()) {
      labels.push_back(rule.label);
      counts.push_back(0);
    }
    counts[place] += rule.counter.value();
  }
}

void RouteCounterTable::AddTo(std::vector<RouteTotals>& totals) const {
  const std::lock_guard lock(mutex_);
  for (const Route& route : routes_) {
    auto sum = std::find_if(totals.begin(), totals.end(),
                            [&route](const RouteTotals& one) { return one.labels.route == route.path; });
    if (sum == totals.end()) {
      totals.emplace_back().labels.route = route.path;
      sum = std::prev(totals.end());
    }
    Add(route.counters.requests, sum->requests);
    sum->request_seconds.Add(route.counters.request_seconds);
    sum->sessions += route.counters.sessions.value();
    sum->dropped += route.counters.dropped.value();
    sum->deflate_input_bytes += route.counters.deflate_input_bytes.value();
    sum->deflate_output_bytes += route.counters.deflate_output_bytes.value();
    AddRules(route.critical, sum->labels.critical, sum->critical);
    AddRules(route.conflated, sum->labels.conflated, sum->conflated);
  }
}

void Add(const CellArray<Counter, StatusClassLabels>& counters, StatusTotals& sums) {
  for (size_t i = 0; i < sums.size(); ++i) sums[i] += counters.at(i).value();
}

}  // namespace sheaf
