#include "proxy/outbox/outbox.h"

#include <algorithm>
#include <utility>

#include "batching/packet.h"
#include "proxy/outbox/batch_outbox.h"
#include "proxy/outbox/cork_outbox.h"
#include "proxy/outbox/stores.h"
#include "proxy/plan/context.h"
#include "proxy/plan/negotiation.h"
#include "proxy/plan/route_plan.h"

namespace sheaf {

Outbox::Outbox(WorkerContext& context, FrameSink& sink, const RoutePlan& plan, const Negotiated& negotiated)
    : context_(context),
      sink_(sink),
      plan_(plan),
      limits_(negotiated.envelope ? plan.limits : plan.cork_limits),
      due_(*this),
      socket_io_(negotiated.socket_io) {}

Outbox::~Outbox() {
  Stop();
}

void Outbox::Stop() {
  if (std::exchange(deferred_, 0) > 0) sink_.DeferUpstream(1);
  CancelFlush();
  if (turn_hook_.linked()) context_.outboxes().ForgetFlush(*this);
}

void Outbox::FlushAtTurnEnd(FlushReason reason) {
  if (turn_hook_.linked()) return;
  turn_reason_ = reason;
  context_.outboxes().FlushAtTurnEnd(*this);
}

void Outbox::FlushAt(TimePoint due, size_t message) {
  // While reading is deferred, due_ is set for the end of every window.
  if (deferred_ == 0) context_.loop().SetShortDeadline(due_, due);
  if (plan_.may_defer_reading) Defer(message);
}

void Outbox::CancelFlush() {
  if (deferred_ == 0) context_.loop().CancelShortDeadline(due_);
}

// Until a batch has come of messages of this size, and a little more: what just fails to fill one would wait for the
// end of the window.
void Outbox::Defer(size_t message) {
  // No more than one read takes in: what it left behind would wait for a whole window again.
  const uint64_t most = std::min<uint64_t>(limits_.max_bytes, net::Loop::kReceiveBuffer);
  const uint64_t batch = limits_.size * message;
  const auto bytes = static_cast<uint32_t>(std::clamp<uint64_t>(batch + batch / 16, 2, most));
  // Roughly is enough: the kernel is told only when the size of messages has changed.
  if (bytes / 2 <= deferred_ && deferred_ / 2 <= bytes) return;
  deferred_ = bytes;
  sink_.DeferUpstream(bytes);
}

// From this window into the next, as long as the rate earns it.
void Outbox::DeferOn() {
  const TimePoint now = context_.loop().now();
  const TimePoint due = window().EndAt(now, limits_.window());
  if (due <= now || !plan_.may_defer_reading) {
    deferred_ = 0;
    return sink_.DeferUpstream(1);
  }
  context_.loop().SetShortDeadline(due_, due);
}

void Outbox::CatchUp() {
  if (deferred_ == 0) return;
  sink_.ReadUpstream();
  deferred_ = 0;
  sink_.DeferUpstream(1);
}

void Outbox::OnDeadline(net::Deadline& /*deadline*/) {
  if (deferred_ > 0) sink_.ReadUpstream();
  FlushIfReady(FlushReason::kTimeout);
  if (deferred_ > 0) DeferOn();
}

// What the backend sent before it got this message lies in the kernel, or is gathered here. It is no answer, so it is
// taken in before the answer is waited for.
void Outbox::OnClientMessage() {
  if (!limits_.adaptive) return;  // then nothing leaves before its time
  if (deferred_ == 0 && empty()) return window().OnClientMessage(context_.loop().now());
  asked_ = true;
  FlushAtTurnEnd(FlushReason::kAtOnce);
}

// The acknowledgement of a Socket.IO client's event is an answer for certain, with the binary frames that belong to it.
void Outbox::LetAnswerPass(std::string_view packet) {
  if (!socket_io_) return;
  if (const auto frames = batching::FramesOfAck(packet)) window().LetPass(context_.loop().now(), *frames);
}

void Outbox::OnTurnEnd() {
  const bool asked = std::exchange(asked_, false);
  if (asked) CatchUp();
  FlushIfReady(turn_reason_);
  if (asked) window().OnClientMessage(context_.loop().now());
}

void Outbox::FlushIfReady(FlushReason reason) {
  if (!empty() && !sink_.client_full()) Flush(reason);
}

void Outbox::CountBatch(BatchForm form, size_t messages) {
  WorkerMetrics& metrics = context_.metrics();
  metrics.batches_total[form].Add();
  metrics.batched_messages_total[form].Add(messages);
  metrics.batch_size.Observe(messages);
}

std::unique_ptr<Outbox> MakeOutbox(WorkerContext& context, FrameSink& sink, const RoutePlan& plan,
                                   const Negotiated& negotiated) {
  const RouteOptions& route = plan.options;
  const bool by_message =
      negotiated.envelope || negotiated.deflate || !plan.rules.empty() || route.slow_client == SlowClient::kDropOldest;
  if (by_message) return std::make_unique<BatchOutbox>(context, sink, plan, negotiated);
  if (route.delivery != Delivery::kOff) return std::make_unique<CorkOutbox>(context, sink, plan, negotiated);
  return nullptr;
}

}  // namespace sheaf
