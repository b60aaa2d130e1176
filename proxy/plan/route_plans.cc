#include "proxy/plan/route_plans.h"

#include <algorithm>
#include <utility>

#include "proxy/plan/rule_labels.h"

namespace sheaf {

RoutePlanRef RoutePlans::PlanFor(const RouteTerms& terms, const RouteLabels& labels,
                                 const pool::UpstreamRef& upstream) {
  const auto same =
      std::find_if(newest_.begin(), newest_.end(), [&terms](const RoutePlanRef& plan) { return plan->terms == terms; });
  if (same != newest_.end()) return *same;
  auto* const plan = new RoutePlan(*this, terms, metrics_.routes.Cells(labels), upstream);
  plan->Adapt(level_, busy_);
  return RoutePlanRef(*plan);
}

void RoutePlans::Adopt(const Generation& generation, const std::vector<pool::UpstreamRef>& upstreams) {
  const std::vector<RouteOptions>& routes = generation.routes.all();
  const std::vector<RouteLabels> labels = MakeRouteLabels(routes);
  std::vector<RoutePlanRef> plans;
  for (size_t i = 0; i < routes.size(); ++i) {
    const auto upstream = std::find_if(upstreams.begin(), upstreams.end(),
                                       [&](const pool::UpstreamRef& one) { return one->name() == routes[i].backend; });
    plans.push_back(PlanFor({routes[i], generation.options.limits.max_fragments}, labels[i], *upstream));
  }
  newest_ = std::move(plans);
  living_.ForEach([&](RoutePlan& plan) {
    plan.removed_ = std::none_of(routes.begin(), routes.end(), [&plan](const RouteOptions& route) {
      return route.path == plan.options.path && route.backend == plan.options.backend;
    });
  });
}

void RoutePlans::Adapt(PressureLevel level, bool busy) {
  level_ = level;
  busy_ = busy;
  living_.ForEach([=](RoutePlan& plan) { plan.Adapt(level, busy); });
}

}  // namespace sheaf
