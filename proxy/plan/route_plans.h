// A worker's route plans: the newest ones, and those of earlier generations that sessions and requests still hold.
//
// Owned by a WorkerContext, which outlives all who hold a plan; a worker's thread only.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "proxy/base/list.h"
#include "proxy/base/metrics.h"
#include "proxy/base/pressure.h"
#include "proxy/plan/generation.h"
#include "proxy/plan/route_plan.h"

namespace sheaf {

class RoutePlans {
 public:
  explicit RoutePlans(WorkerMetrics& metrics) : metrics_(metrics) {}
  RoutePlans(const RoutePlans&) = delete;
  RoutePlans& operator=(const RoutePlans&) = delete;

  // New sessions and requests get the plans of `generation`. A route that it has as before keeps its plan.
  // `upstreams`: the worker's views of the generation's backends, in the order of its options.
  void Adopt(const Generation& generation, const std::vector<pool::UpstreamRef>& upstreams);

  // The newest plan of the route that a path in normal form belongs to (Routes::Match).
  const RoutePlan& Match(const Generation& generation, std::string_view normalized_path) const {
    return *newest_[generation.routes.IndexOf(normalized_path)];
  }

  // Has all plans, old ones too, follow memory pressure and whether CPU is short.
  void Adapt(PressureLevel level, bool busy);

  size_t living() const { return living_.size(); }

 private:
  friend class RoutePlan;

  RoutePlanRef PlanFor(const RouteTerms& terms, const RouteLabels& labels, const pool::UpstreamRef& upstream);

  WorkerMetrics& metrics_;
  List<RoutePlan, &RoutePlan::hook_> living_;  // before newest_, which leaves it
  std::vector<RoutePlanRef> newest_;           // in the order of Routes::all()
  PressureLevel level_ = PressureLevel::kNormal;
  bool busy_ = false;
};

}  // namespace sheaf
