// What a worker lends to what lives in it: clients, exchanges, sessions and their outboxes. None of these knows the
// worker itself; a test lends them a loop, metrics and a pool of its own, and gives them another home.
//
// Owned by the worker, which outlives them all; worker thread only.
#pragma once

#include <memory>
#include <vector>

#include "pool/upstream.h"
#include "proxy/base/metrics.h"
#include "proxy/base/option_table.h"
#include "proxy/net/loop.h"
#include "proxy/plan/admission.h"
#include "proxy/plan/client_home.h"
#include "proxy/plan/forwarding_rules.h"
#include "proxy/plan/route_plan.h"
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
    pool::Upstream& upstream;
    WorkerMetrics& metrics;
    OutboxStores& outboxes;
    InflaterStore& inflaters;
    ClientHome& home;
  };
  explicit WorkerContext(const Lent& lent);
  WorkerContext(const WorkerContext&) = delete;
  WorkerContext& operator=(const WorkerContext&) = delete;

  net::Loop& loop() const { return lent_.loop; }
  pool::Upstream& upstream() const { return lent_.upstream; }
  WorkerMetrics& metrics() const { return lent_.metrics; }
  ClientHome& home() const { return lent_.home; }
  OutboxStores& outboxes() const { return lent_.outboxes; }
  InflaterStore& inflaters() const { return lent_.inflaters; }

  const Options& options() const { return lent_.shared.options; }
  const Routes& routes() const { return lent_.shared.routes; }
  const pool::Endpoint& endpoint() const { return lent_.shared.backend->endpoint(); }
  const net::TlsContext* tls() const { return lent_.shared.tls; }
  const RoutePlan& plan(const RouteOptions& route) const;
  const wire::HeadLimits& head_limits() const { return head_limits_; }
  const ForwardingRules& forwarding() const { return forwarding_; }
  const TrustedProxies& trusted_proxies() const { return forwarding_.proxies; }
  // Sessions tell of their activity no more often than this.
  Duration activity_grain() const { return activity_grain_; }

  bool draining() const { return lent_.shared.draining.load(std::memory_order_relaxed); }
  Load load() const;
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
  const wire::HeadLimits head_limits_;
  const ForwardingRules forwarding_;
  const Duration activity_grain_;
  std::vector<std::unique_ptr<RoutePlan>> plans_;  // one a route, in the order of Routes

  wire::RequestHead request_head_;
  PressureLevel pressure_ = PressureLevel::kNormal;
};

}  // namespace sheaf
