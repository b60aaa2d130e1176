#include "proxy/outbox/paced_outbox.h"

#include <utility>

#include "proxy/plan/context.h"
#include "proxy/plan/route_plan.h"

namespace sheaf {

PacedOutbox::PacedOutbox(WorkerContext& context, OutboxEvents& events, net::Connection& connection,
                         const RoutePlan& plan, const Negotiated& negotiated)
    : BatchOutbox(context, events, connection, plan, negotiated) {}

PacedOutbox::~PacedOutbox() {
  SetWaiting(false);
}

Pacer::Amount PacedOutbox::rates() const {
  return {.messages = plan_.options.max_rate, .bytes = plan_.options.max_bytes_rate};
}

TimePoint PacedOutbox::ReadyAt() const {
  return pacer_.ReadyAt({.messages = messages(), .bytes = bytes()}, rates());
}

bool PacedOutbox::held() const {
  return !urgent_ && ReadyAt() > context_.loop().now();
}

void PacedOutbox::Add(const wire::MessagePart& part) {
  BatchOutbox::Add(part);
  OnAdded();
}

void PacedOutbox::Take(const batching::MessageRef& message, Urgency urgency) {
  BatchOutbox::Take(message, urgency);
  OnAdded();
}

// What overtakes, and parts of large messages, have been sent.
void PacedOutbox::OnAdded() {
  Charge();
  if (empty()) SetWaiting(false);
  if (!writer_.full() && held()) backpressure_.OnGrowth(*this);
}

void PacedOutbox::Charge() {
  const Pacer::Amount before = std::exchange(charged_, {.messages = sent().messages, .bytes = sent().bytes});
  const Pacer::Amount gone{.messages = charged_.messages - before.messages, .bytes = charged_.bytes - before.bytes};
  pacer_.Charge(context_.loop().now(), gone, rates());
}

void PacedOutbox::Flush(FlushReason reason) {
  BatchOutbox::Flush(reason);
  urgent_ = false;
  SetWaiting(false);
  Charge();
  backpressure_.OnLess(*this);
}

void PacedOutbox::FlushDue(FlushReason reason) {
  if (urgent_) return Flush(reason);
  const TimePoint now = context_.loop().now();
  if (ReadyAt() > now) return Wait();
  const Pacer::Amount allowed = pacer_.At(now, rates());
  FlushOldest(reason, CountWithin(allowed.messages, allowed.bytes));
  Charge();
  if (!writer_.closed()) Wait();
  backpressure_.OnLess(*this);
}

// For the rate to let more of it go. While the client is full, its room is waited for first.
void PacedOutbox::Wait() {
  SetWaiting(!empty());
  if (!empty()) FlushAt(ReadyAt(), 0);
}

void PacedOutbox::SetWaiting(bool waiting) {
  if (std::exchange(waiting_, waiting) == waiting) return;
  Gauge& held = context_.metrics().held_clients;
  if (waiting) {
    held.Add();
  } else {
    held.Sub();
  }
}

}  // namespace sheaf
