// What a worker keeps for each route: its options as the data path wants them. Made at start, owned by the worker.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>

#include "batching/batcher.h"
#include "batching/encoder.h"
#include "batching/examiner.h"
#include "proxy/base/option_table.h"
#include "proxy/base/pressure.h"
#include "proxy/wire/ws_frame.h"

namespace sheaf {

struct RoutePlan {
  RoutePlan(const RouteOptions& route, size_t place, uint32_t max_fragments)
      : options(route),
        index(place),
        client_limits{.max_message = route.max_message,
                      .max_fragments = max_fragments == 0 ? wire::FrameLimits{}.max_fragments : max_fragments},
        upstream_limits{.max_message = route.max_upstream_message == 0 ? wire::FrameLimits{}.max_message
                                                                       : route.max_upstream_message},
        rules(route.critical, route.conflate) {
    Adapt(PressureLevel::kNormal, false);
  }
  // The bounds of its batches at `level`: under memory pressure they wait less and hold less.
  static batching::BatchLimits LimitsAt(const RouteOptions& route, PressureLevel level) {
    const bool tight = InForce(ReliefStep::kTightenBatches, level);
    const bool small = InForce(ReliefStep::kShrinkBatches, level);
    constexpr uint64_t kLeastBytes = 1024;
    constexpr Duration kLeastTimeout = std::chrono::milliseconds(1);
    return {
        .size = route.delivery == Delivery::kOff ? 1 : route.size,
        .max_bytes = small ? std::max(route.max_bytes / 4, std::min(route.max_bytes, kLeastBytes)) : route.max_bytes,
        .timeout = std::max<Duration>(Duration(route.timeout) / (small ? 4 : (tight ? 2 : 1)), kLeastTimeout),
        .adaptive = route.adaptive};
  }
  // To memory pressure, and to whether CPU is short.
  void Adapt(PressureLevel level, bool busy) {
    limits = cork_limits = LimitsAt(options, level);
    if (!busy) cork_limits.longest = options.cork_timeout;
  }

  RoutePlan(const RoutePlan&) = delete;
  RoutePlan& operator=(const RoutePlan&) = delete;

  const batching::Examiner& examiner(std::optional<Envelope> envelope) const {
    return envelope ? enveloped[static_cast<size_t>(*envelope)] : plain;
  }

  const RouteOptions& options;
  const size_t index;                       // in Routes::all()
  const wire::FrameLimits client_limits;    // of what clients send
  const wire::FrameLimits upstream_limits;  // of what the backend sends
  // As things are now: of clients that asked for an envelope, and of those that did not.
  batching::BatchLimits limits;
  batching::BatchLimits cork_limits;
  const batching::RuleSet rules;
  // While a batch waits, so may reading from the backend: the wait is short, since the rate earned it, and no message
  // can be critical. A ping, a Close, or what the envelope cannot carry may then come so much later.
  static constexpr std::chrono::milliseconds kLongestDeferral{100};
  const bool may_defer_reading = options.adaptive && options.timeout <= kLongestDeferral && rules.critical_rules() == 0;
  const batching::Examiner plain{nullptr, rules};
  const std::array<batching::Examiner, 4> enveloped{
      batching::Examiner{&batching::EncoderFor(Envelope::kJson), rules},
      batching::Examiner{&batching::EncoderFor(Envelope::kBinary), rules},
      batching::Examiner{&batching::EncoderFor(Envelope::kEngineIo), rules},
      batching::Examiner{&batching::EncoderFor(Envelope::kSocketIoEvent), rules}};
};

}  // namespace sheaf
