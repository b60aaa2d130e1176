// What a worker lends to what lives in it: clients, exchanges, sessions and their outboxes. None of these knows the
// worker itself; a test lends them a loop, metrics and a pool of its own, and gives them another home.
//
// Owned by the worker, which outlives them all; worker thread only.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "pool/upstream_ref.h"
#include "proxy/base/metrics.h"
#include "proxy/base/option_table.h"
#include "proxy/net/loop.h"
#include "proxy/plan/admission.h"
#include "proxy/plan/client_home.h"
#include "proxy/plan/generation.h"
#include "proxy/plan/route_plans.h"
#include "proxy/plan/shared.h"
#include "proxy/wire/http1.h"

namespace sheaf {

class InflaterStore;
class OutboxStores;

class WorkerContext {
 public:
  struct Lent {
    Shared& shared;
    net::Loop& loop;
    WorkerMetrics& metrics;
    OutboxStores& outboxes;
    InflaterStore& inflaters;
    ClientHome& home;
  };
  // `upstreams`: this worker's views of the generation's backends, in the order of its options.
  WorkerContext(const Lent& lent, std::shared_ptr<const Generation> first,
                const std::vector<pool::UpstreamRef>& upstreams);
  WorkerContext(const WorkerContext&) = delete;
  WorkerContext& operator=(const WorkerContext&) = delete;

  net::Loop& loop() const { return lent_.loop; }
  WorkerMetrics& metrics() const { return lent_.metrics; }
  ClientHome& home() const { return lent_.home; }
  OutboxStores& outboxes() const { return lent_.outboxes; }
  InflaterStore& inflaters() const { return lent_.inflaters; }

  // The configuration in force. What is read through it changes with a reload; what sessions and requests are to keep
  // is in their route's plan.
  const Options& options() const { return generation_->options; }
  const wire::HeadLimits& head_limits() const { return generation_->head_limits; }
  const ForwardingRules& forwarding() const { return generation_->forwarding; }
  const TrustedProxies& trusted_proxies() const { return forwarding().proxies; }
  // The backend of the route "/".
  const pool::UpstreamRef& upstream() const { return upstream_; }
  // The newest plan of the route that a path in normal form belongs to.
  const RoutePlan& PlanOf(std::string_view normalized_path) const;
  // Sessions tell of their activity no more often than this.
  Duration activity_grain() const { return activity_grain_; }

  // From here on `next` is in force. `upstreams`: as at construction.
  void Adopt(std::shared_ptr<const Generation> next, const std::vector<pool::UpstreamRef>& upstreams);

  bool draining() const { return lent_.shared.draining.load(std::memory_order_relaxed); }
  Load load() const;
  // Where Engine.IO sessions live.
  pool::Affinity& affinity() const { return lent_.shared.affinity; }
  // True once in the process.
  bool MayTellOfEncodedHandshake() const;
  // What the worker has adapted to.
  PressureLevel pressure() const { return pressure_; }
  // Has the route plans follow the level, and whether CPU is short.
  void Adapt(PressureLevel level, bool busy);

  const net::IoCounters& client_io() const { return client_io_; }
  // For the request whose head was read last; the next one overwrites it.
  wire::RequestHead& request_head() { return request_head_; }
  // Fields in which `peer`, which is not trusted, speaks for a client are removed from its request.
  void OnUntrustedClaims(const net::IpBytes& peer);

 private:
  static constexpr Duration kLongestGrain = std::chrono::seconds(1);

  // Set at construction.
  const Lent lent_;
  const net::IoCounters client_io_;

  std::shared_ptr<const Generation> generation_;
  pool::UpstreamRef upstream_;
  RoutePlans plans_;
  Duration activity_grain_{};
  wire::RequestHead request_head_;
  PressureLevel pressure_ = PressureLevel::kNormal;
};

}  // namespace sheaf
