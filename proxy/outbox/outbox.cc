#include "proxy/outbox/outbox.h"

#include <utility>

#include "proxy/base/saturated.h"
#include "proxy/outbox/batch_outbox.h"
#include "proxy/outbox/cork_outbox.h"
#include "proxy/outbox/paced_outbox.h"
#include "proxy/outbox/pass_outbox.h"
#include "proxy/plan/context.h"
#include "proxy/plan/negotiation.h"
#include "proxy/plan/route_plan.h"

namespace sheaf {

Outbox::Outbox(WorkerContext& context, OutboxEvents& events, net::Connection& connection, const RoutePlan& plan)
    : context_(context), events_(events), writer_(connection), backpressure_(plan) {}

bool Outbox::Deliver(const batching::MessageRef& message, Urgency urgency) {
  TakeIn();
  if (events_.closing() || writer_.closed()) return false;
  if (!backpressure_.MayTake(*this, message->size())) {
    CountSaturated(not_taken_);
    return false;
  }
  if (!MayJoin()) {
    Park(message, urgency);
  } else {
    Take(message, urgency);
  }
  return !writer_.closed();
}

// One read is not enough: a backend that writes many small segments has ten of them on their way until they are
// acknowledged, which reading does. Where reading is deferred it stays so: what comes by this is gathered, and its time
// is known.
void Outbox::TakeIn() {
  for (int reads = 0; reads < kMostReads; ++reads) {
    const uint64_t before = sent_.messages + sent_.bytes + gathered() + partial();
    events_.ReadUpstream();
    if (sent_.messages + sent_.bytes + gathered() + partial() == before) return;
  }
}

void Outbox::Park(const batching::MessageRef& message, Urgency urgency) {
  if (!parked_) parked_ = std::make_unique<Parked>();
  parked_->messages.push_back({message, urgency});
  parked_->bytes += message->size() + sizeof(Parked::Place);
}

void Outbox::DeliverParked() {
  const std::unique_ptr<Parked> parked = std::move(parked_);
  for (const Parked::Place& place : parked->messages) {
    if (writer_.closed()) return;
    Take(place.message, place.urgency);
  }
}

void Outbox::OnOutputDrained() {
  writer_.WriteWaiting();
  backpressure_.OnLess(*this);
}

void Outbox::OnOutputEmpty() {
  writer_.WriteWaiting();
  OnClientReady();
  backpressure_.OnLess(*this);
}

std::unique_ptr<Outbox> MakeOutbox(WorkerContext& context, OutboxEvents& events, net::Connection& connection,
                                   const RoutePlan& plan, const Negotiated& negotiated) {
  const RouteOptions& route = plan.options;
  if (plan.wants_fresh) connection.KeepFresh();
  const bool by_message =
      negotiated.envelope || negotiated.deflate || !plan.rules.empty() || route.slow_client == SlowClient::kDropOldest;
  if (plan.paced) return std::make_unique<PacedOutbox>(context, events, connection, plan, negotiated);
  if (by_message) return std::make_unique<BatchOutbox>(context, events, connection, plan, negotiated);
  if (route.delivery != Delivery::kOff) {
    return std::make_unique<CorkOutbox>(context, events, connection, plan, negotiated);
  }
  return std::make_unique<PassOutbox>(context, events, connection, plan);
}

}  // namespace sheaf
