#include "proxy/plan/context.h"

#include <algorithm>
#include <string>

#include "proxy/base/log.h"

namespace sheaf {
namespace {

wire::HeadLimits HeadLimitsFrom(const Options::Limits& limits) {
  return {.max_line = limits.max_request_line,
          .max_head = limits.max_head,
          .max_fields = limits.max_fields,
          .allow_underscores = limits.underscores != Underscores::kRefuse};
}

}  // namespace

WorkerContext::WorkerContext(const Lent& lent)
    : lent_(lent),
      client_io_{&lent.metrics.client_received_bytes_total, &lent.metrics.client_sent_bytes_total},
      head_limits_(HeadLimitsFrom(options().limits)),
      forwarding_(options()),
      activity_grain_(std::min<Duration>(options().memory.idle_after / 8, kLongestGrain)) {
  for (const RouteOptions& route : routes().all()) {
    plans_.push_back(std::make_unique<RoutePlan>(route, plans_.size(), options().limits.max_fragments));
  }
}

const RoutePlan& WorkerContext::plan(const RouteOptions& route) const {
  return *plans_[static_cast<size_t>(&route - routes().all().data())];
}

Load WorkerContext::load() const {
  return {.connections = lent_.shared.connections.load(std::memory_order_relaxed),
          .max_connections = lent_.shared.max_connections,
          .draining = draining(),
          .pressure = pressure_};
}

void WorkerContext::Adapt(PressureLevel level, bool busy) {
  pressure_ = level;
  for (const std::unique_ptr<RoutePlan>& plan : plans_) plan->Adapt(level, busy);
}

void WorkerContext::OnUntrustedClaims(const net::IpBytes& peer) {
  metrics().forwarded_removed_total.Add();
  const std::string line = LineThatTrusts(peer, options().forwarded.trusted_proxies, options().proxies_named);
  if (line.empty() || lent_.shared.warned_of_untrusted_peer.exchange(true, std::memory_order_relaxed)) return;
  Log(LogLevel::kWarning,
      "a peer that is not trusted sends X-Forwarded-* or the like, which is removed: the backend sees this peer's "
      "address and its scheme. If it is your front proxy, write the conf line under [forwarded]; where its address "
      "changes and nobody else reaches this port, 'private_ranges' instead of it",
      {{"peer", net::IpToString(peer)}, {"conf", line}});
}

}  // namespace sheaf
