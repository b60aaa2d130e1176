#include "proxy/plan/route_plan.h"

#include <algorithm>

#include "proxy/plan/route_plans.h"

namespace sheaf {

RoutePlan::RoutePlan(RoutePlans& home, RouteTerms route_terms, RouteCells cells, pool::UpstreamRef backend)
    : home_(home),
      terms(std::move(route_terms)),
      counters(std::move(cells)),
      upstream(std::move(backend)),
      client_limits{
          .max_message = options.max_message,
          .max_fragments = terms.max_fragments == 0 ? wire::FrameLimits{}.max_fragments : terms.max_fragments},
      upstream_limits{.max_message = options.max_upstream_message == 0 ? wire::FrameLimits{}.max_message
                                                                       : options.max_upstream_message},
      rules(options.critical, options.conflate) {
  home_.living_.PushBack(*this);
  home_.metrics_.route_plans.Add();
}

RoutePlan::~RoutePlan() {
  home_.living_.Remove(*this);
  home_.metrics_.route_plans.Sub();
}

batching::BatchLimits RoutePlan::LimitsAt(const RouteOptions& route, PressureLevel level) {
  const bool tight = InForce(ReliefStep::kTightenBatches, level);
  const bool small = InForce(ReliefStep::kShrinkBatches, level);
  constexpr uint64_t kLeastBytes = 1024;
  constexpr Duration kLeastTimeout = std::chrono::milliseconds(1);
  return {.size = route.delivery == Delivery::kOff ? 1 : route.size,
          .max_bytes = small ? std::max(route.max_bytes / 4, std::min(route.max_bytes, kLeastBytes)) : route.max_bytes,
          .timeout = std::max<Duration>(Duration(route.timeout) / (small ? 4 : (tight ? 2 : 1)), kLeastTimeout),
          .adaptive = route.adaptive};
}

void RoutePlan::Adapt(PressureLevel level, bool busy) {
  limits = cork_limits = LimitsAt(options, level);
  if (!busy) cork_limits.longest = options.cork_timeout;
}

}  // namespace sheaf
