#include "memwatch/traffic.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <numeric>
#include <string_view>

#include "proxy/base/quantile.h"
#include "proxy/base/status.h"

namespace sheaf::memwatch {
namespace {

constexpr size_t StateNamed(std::string_view name) {
  const auto& names = LinkStateLabels::kValues;
  return static_cast<size_t>(std::find(names.begin(), names.end(), name) - names.begin());
}
constexpr size_t kActive = StateNamed("active");
constexpr size_t kIdle = StateNamed("idle");
static_assert(kActive < LinkStateLabels::kCount && kIdle < LinkStateLabels::kCount);

// A client that goes without a Close has lost its network, or its browser was closed: so sessions end every day.
constexpr bool IsError(CloseReason reason) {
  using enum CloseReason;
  constexpr std::array kOrderly = {kNone,           kDone,  kClientClosed, kClientGone,
                                   kUpstreamClosed, kDrain, kRouteRemoved, kUpstreamDrained};
  return std::find(kOrderly.begin(), kOrderly.end(), reason) == kOrderly.end();
}

// The sums over the workers are not taken at one instant: a gauge may be below 0 for a moment.
uint32_t Level(int64_t gauge) {
  return static_cast<uint32_t>(std::max<int64_t>(gauge, 0));
}

// Nor are two sums of one look: what is derived from both may fall a little.
uint64_t Growth(uint64_t before, uint64_t after) {
  return after - std::min(before, after);
}

float Quotient(uint64_t part, double whole) {
  return whole > 0 ? static_cast<float>(static_cast<double>(part) / whole) : 0.0F;
}

}  // namespace

TrafficMeter::Counts TrafficMeter::Count(const MetricsTotals& totals, TimePoint now) {
  constexpr auto kCork = static_cast<size_t>(BatchForm::kCork);
  const auto sum = [](const auto& counts) { return std::accumulate(counts.begin(), counts.end(), uint64_t{0}); };
  const uint64_t batches = sum(totals.batches_total);
  const uint64_t batched = sum(totals.batched_messages_total);
  // Messages that an envelope saved a frame of their own.
  const uint64_t saved = Growth(batches - totals.batches_total[kCork], batched - totals.batched_messages_total[kCork]);
  uint64_t errors = 0;
  for (size_t i = 0; i < kCloseReasonCount; ++i) {
    if (IsError(static_cast<CloseReason>(i))) errors += totals.websocket_closes_total[i];
  }
  return {.at = now,
          .messages_to_clients = totals.messages_to_clients_total,
          .messages_to_upstream = totals.messages_to_upstream_total,
          .frames_to_clients = Growth(saved, totals.messages_to_clients_total),
          .payload_bytes = totals.message_bytes_to_clients_total,
          .sent_bytes = totals.client_sent_bytes_total,
          .batches = batches,
          .batched_messages = batched,
          .delay = totals.batch_delay_seconds,
          .closed = sum(totals.websocket_closes_total),
          .closed_by_error = errors};
}

void TrafficMeter::Compare(const Counts& before, const Counts& after, Traffic& traffic) {
  const double seconds = std::chrono::duration<double>(after.at - before.at).count();
  const auto rate = [&](uint64_t Counts::*count) { return Quotient(Growth(before.*count, after.*count), seconds); };
  traffic.messages_to_clients = rate(&Counts::messages_to_clients);
  traffic.messages_to_upstream = rate(&Counts::messages_to_upstream);
  traffic.frames_to_clients = rate(&Counts::frames_to_clients);
  traffic.payload_bytes = rate(&Counts::payload_bytes);
  traffic.sent_bytes = rate(&Counts::sent_bytes);
  traffic.batches = rate(&Counts::batches);
  traffic.closed = rate(&Counts::closed);
  traffic.closed_by_error = rate(&Counts::closed_by_error);
  const uint64_t batches = Growth(before.batches, after.batches);
  traffic.batch_size = Quotient(Growth(before.batched_messages, after.batched_messages), static_cast<double>(batches));
  HistogramTotals<BatchDelayBuckets> delay = after.delay;
  for (size_t i = 0; i < delay.buckets.size(); ++i) delay.buckets[i] -= before.delay.buckets[i];
  delay.sum -= before.delay.sum;
  traffic.batch_delay = static_cast<float>(delay.mean());
  traffic.batch_delay_p50 = static_cast<float>(Quantile<BatchDelayBuckets>(0.5, delay.buckets));
  traffic.batch_delay_p99 = static_cast<float>(Quantile<BatchDelayBuckets>(0.99, delay.buckets));
}

Traffic TrafficMeter::Take(const MetricsTotals& totals, TimePoint now) {
  Traffic traffic{.sessions = Level(totals.websocket_sessions),
                  .active_connections = Level(totals.pool_links[kActive]),
                  .pool_idle = Level(totals.pool_links[kIdle]),
                  .pool_waiting = Level(totals.pool_waiting),
                  .queued_bytes = static_cast<float>(std::max<int64_t>(totals.queued_bytes, 0))};
  const Counts counts = Count(totals, now);
  if (before_) Compare(*before_, counts, traffic);
  before_ = counts;
  return traffic;
}

}  // namespace sheaf::memwatch
