#include "proxy/outbox.h"

#include <algorithm>
#include <utility>

#include "proxy/batch_outbox.h"
#include "proxy/cork_outbox.h"
#include "proxy/negotiation.h"
#include "proxy/route_plan.h"
#include "proxy/worker.h"

namespace sheaf {

Outbox::Outbox(Worker& worker, FrameSink& sink, const RoutePlan& plan)
    : worker_(worker), sink_(sink), plan_(plan), due_(*this) {}

Outbox::~Outbox() {
  Stop();
}

void Outbox::Stop() {
  CancelFlush();
  if (turn_hook_.linked()) worker_.ForgetFlush(*this);
}

void Outbox::FlushAtTurnEnd(FlushReason reason) {
  if (turn_hook_.linked()) return;
  turn_reason_ = reason;
  worker_.FlushAtTurnEnd(*this);
}

void Outbox::FlushAt(TimePoint due, size_t message) {
  worker_.loop().SetShortDeadline(due_, due);
  if (!plan_.may_defer_reading) return;
  deferring_ = true;
  // No more than one read takes in: what it left behind would wait for a whole window again.
  sink_.DeferUpstream(
      std::min({plan_.limits.max_bytes, uint64_t{plan_.limits.size} * message, uint64_t{net::Loop::kReceiveBuffer}}));
}

void Outbox::CancelFlush() {
  worker_.loop().CancelShortDeadline(due_);
  if (std::exchange(deferring_, false)) sink_.DeferUpstream(1);
}

void Outbox::CatchUp() {
  if (std::exchange(deferring_, false)) sink_.ReadUpstream();
}

void Outbox::OnDeadline(net::Deadline& /*deadline*/) {
  CatchUp();
  FlushIfReady(FlushReason::kTimeout);
}

void Outbox::OnClientMessage() {
  NoteClientMessage();
  if (std::exchange(deferring_, false)) sink_.DeferUpstream(1);
}

void Outbox::FlushIfReady(FlushReason reason) {
  if (!empty() && !sink_.client_full()) Flush(reason);
}

void Outbox::CountBatch(BatchForm form, size_t messages) {
  WorkerMetrics& metrics = worker_.metrics();
  metrics.batches_total[form].Add();
  metrics.batched_messages_total[form].Add(messages);
  metrics.batch_size.Observe(messages);
}

std::unique_ptr<Outbox> MakeOutbox(Worker& worker, FrameSink& sink, const RoutePlan& plan,
                                   const Negotiated& negotiated) {
  const RouteOptions& route = plan.options;
  const bool by_message =
      negotiated.envelope || negotiated.deflate || !plan.rules.empty() || route.slow_client == SlowClient::kDropOldest;
  if (by_message) return std::make_unique<BatchOutbox>(worker, sink, plan, negotiated);
  if (route.delivery != Delivery::kOff) return std::make_unique<CorkOutbox>(worker, sink, plan);
  return nullptr;
}

}  // namespace sheaf
