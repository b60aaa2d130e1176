// What a worker keeps for each route: its options as the data path wants them. Sessions and requests hold the plan that
// was in force when they began; the last of them, or the route's next plan, frees it.
//
//   RoutePlanRef plan(plans.newest(route));      // 8 bytes, counted without atomics
//   plan->options.size ...
//
// Made by RoutePlans; a worker's thread only.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include "batching/batcher.h"
#include "batching/encoder.h"
#include "batching/examiner.h"
#include "pool/upstream_ref.h"
#include "proxy/base/list.h"
#include "proxy/base/metrics.h"
#include "proxy/base/option_table.h"
#include "proxy/base/pressure.h"
#include "proxy/wire/ws_frame.h"

namespace sheaf {

class RoutePlans;

// What a plan is made from, beside what it counts in. A reload that leaves it as it was leaves the plan.
struct RouteTerms {
  RouteOptions options;
  uint32_t max_fragments = 0;  // of a client's message; 0: no limit
  bool operator==(const RouteTerms&) const = default;
};

class RoutePlan {
 public:
  RoutePlan(RoutePlans& home, RouteTerms terms, RouteCells cells, pool::UpstreamRef backend);
  RoutePlan(const RoutePlan&) = delete;
  RoutePlan& operator=(const RoutePlan&) = delete;
  ~RoutePlan();

  // The bounds of its batches at `level`: under memory pressure they wait less and hold less.
  static batching::BatchLimits LimitsAt(const RouteOptions& route, PressureLevel level);
  // To memory pressure, and to whether CPU is short.
  void Adapt(PressureLevel level, bool busy);

  const batching::Examiner& examiner(std::optional<Envelope> envelope) const {
    return envelope ? enveloped[static_cast<size_t>(*envelope)] : plain;
  }

  // A reload has taken the route away, or sent it to another backend.
  bool removed() const { return removed_; }

 private:
  RoutePlans& home_;

 public:
  const RouteTerms terms;
  const RouteOptions& options = terms.options;
  const RouteCells counters;
  const pool::UpstreamRef upstream;
  const wire::FrameLimits client_limits;    // of what clients send
  const wire::FrameLimits upstream_limits;  // of what the backend sends
  // As things are now: of clients that asked for an envelope, and of those that did not.
  batching::BatchLimits limits;
  batching::BatchLimits cork_limits;
  const batching::RuleSet rules;
  // What clients get is held to a rate.
  const bool paced = options.max_rate > 0 || options.max_bytes_rate > 0;
  // While a batch waits, so may reading from the backend: the wait is short, since the rate earned it, and no message
  // can be critical. (Nor with a rate, which is a wait of another length.) A ping, a Close, or what the envelope cannot
  // carry may then come so much later.
  static constexpr std::chrono::milliseconds kLongestDeferral{100};
  const bool may_defer_reading =
      options.adaptive && options.timeout <= kLongestDeferral && rules.critical_rules() == 0 && !paced;
  // What waits for a client can be conflated, dropped, or is paced: it is to wait here, not in the kernel.
  const bool wants_fresh = rules.conflate_rules() > 0 || options.slow_client == SlowClient::kDropOldest || paced;
  const batching::Examiner plain{nullptr, rules};
  const std::array<batching::Examiner, 4> enveloped{
      batching::Examiner{&batching::EncoderFor(Envelope::kJson), rules},
      batching::Examiner{&batching::EncoderFor(Envelope::kBinary), rules},
      batching::Examiner{&batching::EncoderFor(Envelope::kEngineIo), rules},
      batching::Examiner{&batching::EncoderFor(Envelope::kSocketIoEvent), rules}};

  ListHook hook_;  // of RoutePlans: those that somebody holds

 private:
  friend class RoutePlanRef;
  friend class RoutePlans;
  bool removed_ = false;
  mutable uint32_t references_ = 0;
};

// One who holds a plan.
class RoutePlanRef {
 public:
  RoutePlanRef() = default;
  explicit RoutePlanRef(const RoutePlan& plan) : plan_(&plan) { ++plan.references_; }
  RoutePlanRef(const RoutePlanRef& other) : plan_(other.plan_) {
    if (plan_ != nullptr) ++plan_->references_;
  }
  RoutePlanRef(RoutePlanRef&& other) noexcept : plan_(std::exchange(other.plan_, nullptr)) {}
  RoutePlanRef& operator=(RoutePlanRef other) noexcept {
    std::swap(plan_, other.plan_);
    return *this;
  }
  ~RoutePlanRef() {
    if (plan_ != nullptr && --plan_->references_ == 0) delete plan_;
  }

  explicit operator bool() const { return plan_ != nullptr; }
  const RoutePlan& operator*() const { return *plan_; }
  const RoutePlan* operator->() const { return plan_; }

 private:
  const RoutePlan* plan_ = nullptr;
};

}  // namespace sheaf
