#include "memwatch/traffic.h"

#include <algorithm>
#include <chrono>
#include <numeric>

namespace sheaf::memwatch {
namespace {

constexpr size_t kActive =
    static_cast<size_t>(std::find(LinkStateLabels::kValues.begin(), LinkStateLabels::kValues.end(), "active") -
                        LinkStateLabels::kValues.begin());
static_assert(kActive < LinkStateLabels::kCount);

// The sums over the workers are not taken at one instant: a gauge may be below 0 for a moment.
uint32_t Level(int64_t gauge) {
  return static_cast<uint32_t>(std::max<int64_t>(gauge, 0));
}

float Quotient(uint64_t part, double whole) {
  return whole > 0 ? static_cast<float>(static_cast<double>(part) / whole) : 0.0F;
}

}  // namespace

TrafficMeter::Counts TrafficMeter::Count(const MetricsTotals& totals, TimePoint now) {
  const auto sum = [](const auto& counts) { return std::accumulate(counts.begin(), counts.end(), uint64_t{0}); };
  return {.at = now,
          .messages_to_clients = totals.messages_to_clients_total,
          .messages_to_upstream = totals.messages_to_upstream_total,
          .batches = sum(totals.batches_total),
          .batched_messages = sum(totals.batched_messages_total),
          .flushes = totals.batch_delay_seconds.count(),
          .waited = totals.batch_delay_seconds.sum};
}

Traffic TrafficMeter::Take(const MetricsTotals& totals, TimePoint now) {
  Traffic traffic{.sessions = Level(totals.websocket_sessions),
                  .active_connections = Level(totals.pool_links[kActive])};
  const Counts counts = Count(totals, now);
  if (before_) {
    const double seconds = std::chrono::duration<double>(counts.at - before_->at).count();
    const uint64_t batches = counts.batches - before_->batches;
    const double flushes = static_cast<double>(counts.flushes - before_->flushes) * BatchDelayBuckets::kPerUnit;
    traffic.messages_to_clients = Quotient(counts.messages_to_clients - before_->messages_to_clients, seconds);
    traffic.messages_to_upstream = Quotient(counts.messages_to_upstream - before_->messages_to_upstream, seconds);
    traffic.batches = Quotient(batches, seconds);
    traffic.batch_size = Quotient(counts.batched_messages - before_->batched_messages, static_cast<double>(batches));
    traffic.batch_delay = Quotient(counts.waited - before_->waited, flushes);
  }
  before_ = counts;
  return traffic;
}

}  // namespace sheaf::memwatch
