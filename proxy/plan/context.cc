#include "proxy/plan/context.h"

#include <algorithm>
#include <string>
#include <utility>

#include "proxy/base/log.h"

namespace sheaf {

WorkerContext::WorkerContext(const Lent& lent, std::shared_ptr<const Generation> first,
                             const std::vector<pool::UpstreamRef>& upstreams)
    : lent_(lent),
      client_io_{&lent.metrics.client_received_bytes_total, &lent.metrics.client_sent_bytes_total},
      plans_(lent.metrics) {
  Adopt(std::move(first), upstreams);
}

void WorkerContext::Adopt(std::shared_ptr<const Generation> next, const std::vector<pool::UpstreamRef>& upstreams) {
  generation_ = std::move(next);
  activity_grain_ = std::min<Duration>(options().memory.idle_after / 8, kLongestGrain);
  plans_.Adopt(*generation_, upstreams);
  upstream_ = PlanOf("/").upstream;
}

const RoutePlan& WorkerContext::PlanOf(std::string_view normalized_path) const {
  return plans_.Match(*generation_, normalized_path);
}

Load WorkerContext::load() const {
  return {.connections = lent_.shared.connections.load(std::memory_order_relaxed),
          .max_connections = lent_.shared.max_connections.load(std::memory_order_relaxed),
          .draining = draining(),
          .pressure = pressure_};
}

bool WorkerContext::MayTellOfEncodedHandshake() const {
  return !lent_.shared.told_of_encoded_handshake.exchange(true, std::memory_order_relaxed);
}

void WorkerContext::Adapt(PressureLevel level, bool busy) {
  pressure_ = level;
  plans_.Adapt(level, busy);
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
