#include "proxy/outbox/gathering_outbox.h"

#include <algorithm>
#include <new>
#include <utility>

#include "batching/packet.h"
#include "proxy/outbox/stores.h"
#include "proxy/plan/context.h"
#include "proxy/plan/negotiation.h"
#include "proxy/plan/route_plan.h"

namespace sheaf {

GatheringOutbox::GatheringOutbox(WorkerContext& context, OutboxEvents& events, net::Connection& connection,
                                 const RoutePlan& plan, const Negotiated& negotiated)
    : Outbox(context, events, connection, plan),
      plan_(plan),
      due_(*this),
      socket_io_(negotiated.socket_io),
      enveloped_(negotiated.envelope.has_value()) {}

const batching::BatchLimits& GatheringOutbox::limits() const {
  return enveloped_ ? plan_.limits : plan_.cork_limits;
}

batching::BatchLimits GatheringOutbox::LimitsFor(Urgency urgency) const {
  batching::BatchLimits result = limits();
  if (urgency == Urgency::kBatch) result.adaptive = false;
  return result;
}

GatheringOutbox::~GatheringOutbox() {
  Unschedule();
}

void GatheringOutbox::Stop() {
  Unschedule();
  Outbox::Stop();
}

void GatheringOutbox::Unschedule() {
  if (std::exchange(deferred_, 0) > 0) events_.DeferUpstream(1);
  CancelFlush();
  if (turn_hook_.linked()) context_.outboxes().ForgetFlush(*this);
}

void GatheringOutbox::FlushAtTurnEnd(FlushReason reason) {
  if (turn_hook_.linked()) return;
  turn_reason_ = reason;
  context_.outboxes().FlushAtTurnEnd(*this);
}

void GatheringOutbox::FlushAt(TimePoint due, size_t message) {
  // While reading is deferred, due_ is set for the end of every window.
  if (deferred_ == 0) context_.loop().SetShortDeadline(due_, due);
  if (plan_.may_defer_reading) Defer(message);
}

void GatheringOutbox::CancelFlush() {
  if (deferred_ == 0) context_.loop().CancelShortDeadline(due_);
}

// Until a batch has come of messages of this size, and a little more: what just fails to fill one would wait for the
// end of the window.
void GatheringOutbox::Defer(size_t message) {
  // No more than one read takes in: what it left behind would wait for a whole window again.
  const uint64_t most = std::min<uint64_t>(limits().max_bytes, net::Loop::kReceiveBuffer);
  const uint64_t batch = limits().size * message;
  const auto bytes = static_cast<uint32_t>(std::clamp<uint64_t>(batch + batch / 16, 2, most));
  // Roughly is enough: the kernel is told only when the size of messages has changed.
  if (bytes / 2 <= deferred_ && deferred_ / 2 <= bytes) return;
  deferred_ = bytes;
  events_.DeferUpstream(bytes);
}

// From this window into the next, as long as the rate earns it.
void GatheringOutbox::DeferOn() {
  const TimePoint now = context_.loop().now();
  const TimePoint due = window().EndAt(now, limits().window());
  if (due <= now || !plan_.may_defer_reading) {
    deferred_ = 0;
    return events_.DeferUpstream(1);
  }
  context_.loop().SetShortDeadline(due_, due);
}

void GatheringOutbox::CatchUp() {
  if (deferred_ == 0) return;
  events_.ReadUpstream();
  deferred_ = 0;
  events_.DeferUpstream(1);
}

void GatheringOutbox::OnDeadline(net::Deadline& /*deadline*/) {
  if (deferred_ > 0) events_.ReadUpstream();
  FlushIfReady(FlushReason::kTimeout);
  if (deferred_ > 0) DeferOn();
}

// What the backend sent before it got this message lies in the kernel, or is gathered here. It is no answer, so it is
// taken in before the answer is waited for.
void GatheringOutbox::OnClientMessage() {
  if (!limits().adaptive) return;  // then nothing leaves before its time
  if (deferred_ == 0 && empty()) return window().OnClientMessage(context_.loop().now());
  asked_ = true;
  FlushAtTurnEnd(FlushReason::kAtOnce);
}

// The acknowledgement of a Socket.IO client's event is an answer for certain, with the binary frames that belong to it.
void GatheringOutbox::LetAnswerPass(std::string_view packet) {
  if (!socket_io_) return;
  const auto frames = batching::FramesOfAck(packet);
  if (!frames) return;
  window().LetPass(context_.loop().now(), *frames);
  OnUrgent();
}

// Only what the kernel does not take of it waits.
void GatheringOutbox::OnClientReady() {
  FlushIfReady(FlushReason::kDrained);
  context_.loop().FlushWrites();
}

void GatheringOutbox::OnTurnEnd() {
  const bool asked = std::exchange(asked_, false);
  if (asked) CatchUp();
  FlushIfReady(turn_reason_);
  if (asked) window().OnClientMessage(context_.loop().now());
}

// Called by the loop and by the worker, and not through a session that answers for its memory.
void GatheringOutbox::FlushIfReady(FlushReason reason) {
  if (empty() || writer_.full()) return;
  try {
    FlushDue(reason);
  } catch (const std::bad_alloc&) {
    events_.GiveUp(CloseReason::kOutOfMemory);
  }
}

void GatheringOutbox::CountBatch(BatchForm form, size_t messages) {
  WorkerMetrics& metrics = context_.metrics();
  metrics.batches_total[form].Add();
  metrics.batched_messages_total[form].Add(messages);
  metrics.batch_size.Observe(messages);
}

}  // namespace sheaf
