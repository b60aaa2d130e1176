// What memory pressure does to a route's batches.
#include "proxy/plan/route_plan.h"

#include <doctest/doctest.h>

#include "proxy/plan/route_plans.h"

namespace sheaf {
namespace {

using namespace std::chrono_literals;
using enum PressureLevel;

RouteOptions Route() {
  RouteOptions route;
  route.delivery = Delivery::kOffer;
  route.size = 100;
  route.timeout = 50ms;
  route.max_bytes = 64 * 1024;
  return route;
}

// A plan without a generation.
class Made {
 public:
  explicit Made(const RouteOptions& route, uint32_t max_fragments = 16)
      : ref_(*new RoutePlan(plans_, {route, max_fragments},
                            metrics_.routes.Cells({.route = "/", .critical = {}, .conflated = {}}), {})) {
    plans_.Adapt(kNormal, false);
  }
  RoutePlans& operator*() { return plans_; }
  const RoutePlan* operator->() const { return &*ref_; }

 private:
  WorkerMetrics metrics_;
  RoutePlans plans_{metrics_};
  RoutePlanRef ref_;
};

TEST_CASE("batches wait less from moderate on, and hold less from high on") {
  const RouteOptions route = Route();
  CHECK(RoutePlan::LimitsAt(route, kNormal).timeout == 50ms);
  CHECK(RoutePlan::LimitsAt(route, kModerate).timeout == 25ms);
  CHECK(RoutePlan::LimitsAt(route, kHigh).timeout == 12500us);
  CHECK(RoutePlan::LimitsAt(route, kCritical).timeout == 12500us);
  CHECK(RoutePlan::LimitsAt(route, kModerate).max_bytes == 64 * 1024);
  CHECK(RoutePlan::LimitsAt(route, kHigh).max_bytes == 16 * 1024);
}

TEST_CASE("the bounds never become nothing, and never wider than configured") {
  RouteOptions route = Route();
  route.timeout = 1ms;
  route.max_bytes = 1024;
  for (const PressureLevel level : {kNormal, kModerate, kHigh, kCritical}) {
    CHECK(RoutePlan::LimitsAt(route, level).timeout == 1ms);
    CHECK(RoutePlan::LimitsAt(route, level).max_bytes == 1024);
  }
}

TEST_CASE("when the pressure is over, the bounds are as configured again") {
  const RouteOptions route = Route();
  Made plan(route);
  (*plan).Adapt(kCritical, false);
  (*plan).Adapt(kNormal, false);
  CHECK(plan->limits.timeout == 50ms);
  CHECK(plan->limits.max_bytes == 64 * 1024);
}

TEST_CASE("clients without an envelope wait for cork_timeout, or for the timeout while CPU is short") {
  RouteOptions route = Route();
  route.cork_timeout = 10ms;
  Made plan(route);
  CHECK(plan->limits.window().longest == 50ms);
  CHECK(plan->cork_limits.window().longest == 10ms);
  CHECK(plan->cork_limits.window().timeout == 50ms);  // what earns the wait is counted as ever
  (*plan).Adapt(kNormal, true);
  CHECK(plan->cork_limits.window().longest == 50ms);
  (*plan).Adapt(kHigh, false);
  CHECK(plan->cork_limits.window().longest == 10ms);
  CHECK(plan->cork_limits.window().timeout == 12500us);
}

TEST_CASE("a cork_timeout over the timeout is the timeout") {
  RouteOptions route = Route();
  route.cork_timeout = 1s;
  CHECK(Made(route)->cork_limits.window().longest == 50ms);
}

TEST_CASE("what the backend sends has a limit of its own, or none; its fragments are never counted") {
  RouteOptions route = Route();
  route.max_message = 100;
  const Made open(route);
  CHECK_EQ(open->client_limits.max_message, 100);
  CHECK_EQ(open->client_limits.max_fragments, 16);
  CHECK_EQ(open->upstream_limits.max_message, INT64_MAX);
  CHECK_EQ(open->upstream_limits.max_fragments, UINT32_MAX);
  route.max_upstream_message = 200;
  const Made limited(route, 0);
  CHECK_EQ(limited->client_limits.max_fragments, UINT32_MAX);
  CHECK_EQ(limited->upstream_limits.max_message, 200);
  CHECK_EQ(limited->upstream_limits.max_fragments, UINT32_MAX);
}

}  // namespace
}  // namespace sheaf
