#include "proxy/outbox/cork_outbox.h"

#include <utility>

#include "proxy/base/bytes.h"
#include "proxy/outbox/stores.h"
#include "proxy/plan/context.h"
#include "proxy/plan/route_plan.h"

namespace sheaf {

CorkOutbox::CorkOutbox(WorkerContext& context, OutboxEvents& events, net::Connection& connection, const RoutePlan& plan,
                       const Negotiated& negotiated)
    : GatheringOutbox(context, events, connection, plan, negotiated) {
  static_assert(sizeof(CorkOutbox) <= 216, "an idle session's budget");
}

CorkOutbox::~CorkOutbox() {
  if (empty()) return;
  context_.metrics().buffered_messages.Sub(batch_->messages);
  context_.metrics().buffered_bytes.Sub(batch_->payload);
}

size_t CorkOutbox::gathered() const {
  return empty() ? 0 : batch_->bytes.size();
}

void CorkOutbox::Add(const wire::MessagePart& part) {
  Note(part);
  TimePoint due{};
  if (part.first) {
    if (part.opcode == wire::Opcode::kText) LetAnswerPass(AsText(part.payload));
    due = window_.OnMessage(context_.loop().now(), limits().window());
    // Borrowed bytes leave without a copy; behind gathered ones they must be gathered, too.
    passing_ = empty() && due <= context_.loop().now() && !writer_.full();
  }
  if (passing_) {
    PassOn(part);
  } else {
    Gather(part, due);
  }
  CheckGrowth();
  OnPartAdded();
}

void CorkOutbox::Take(const batching::MessageRef& message, Urgency urgency) {
  const TimePoint now = context_.loop().now();
  TimePoint due = now;
  if (urgency == Urgency::kCritical) {
    FlushAtTurnEnd(FlushReason::kCritical);
  } else {
    due = window_.OnMessage(now, LimitsFor(urgency).window());
  }
  std::string& frame = context_.outboxes().scratch().assign(message->frame());
  const std::span<uint8_t> wire(reinterpret_cast<uint8_t*>(frame.data()), frame.size());
  Gather({.wire = wire,
          .payload = wire.last(message->size()),
          .opcode = message->opcode(),
          .first = true,
          .last = true,
          .ends_frame = true},
         due);
  CheckGrowth();
}

// `due`: until when a message that begins may wait.
inline void CorkOutbox::Gather(const wire::MessagePart& part, TimePoint due) {
  if (empty()) {
    Begin();
    if (part.first && due > context_.loop().now()) {
      FlushAt(due, part.wire.size());
    } else {
      FlushAtTurnEnd(FlushReason::kAtOnce);
    }
  } else if (part.first && due <= context_.loop().now()) {
    FlushAtTurnEnd(FlushReason::kAtOnce);
  }
  CorkBatch& batch = *batch_;
  batch.bytes.insert(batch.bytes.end(), part.wire.begin(), part.wire.end());
  if (part.ends_frame) batch.whole = batch.bytes.size();
  const auto payload = static_cast<uint32_t>(part.payload.size());
  batch.payload += payload;
  batch.messages += part.last ? 1 : 0;
  context_.metrics().buffered_messages.Add(part.last ? 1 : 0);
  context_.metrics().buffered_bytes.Add(payload);
  if (batch.messages >= limits().size) {
    FlushAtTurnEnd(FlushReason::kSize);
  } else if (batch.payload >= limits().max_bytes) {
    FlushAtTurnEnd(FlushReason::kBytes);
  }
}

void CorkOutbox::Begin() {
  batch_ = context_.outboxes().TakeCorkBatch();
  batch_->oldest = context_.loop().now();
}

void CorkOutbox::PassOn(const wire::MessagePart& part) {
  writer_.Write(part.wire, part.ends_frame);
  Count(part.last ? 1 : 0, part.payload.size(), part.ends_frame ? 1 : 0);
  context_.metrics().batch_input_bytes_total.Add(part.payload.size());
  context_.metrics().batch_output_bytes_total.Add(part.wire.size());
  if (!part.last) return;
  CountBatch(BatchForm::kCork, 1);
  context_.metrics().batch_flushes_total[FlushReason::kAtOnce].Add();
  context_.metrics().batch_delay_seconds.Observe(std::chrono::nanoseconds(0));
}

void CorkOutbox::Flush(FlushReason reason) {
  if (empty()) return;
  CancelFlush();
  std::unique_ptr<CorkBatch> batch = std::move(batch_);  // a write may close the session
  WorkerMetrics& metrics = context_.metrics();
  metrics.batch_flushes_total[reason].Add();
  metrics.batch_delay_seconds.Observe(context_.loop().now() - batch->oldest);
  metrics.batch_input_bytes_total.Add(batch->payload);
  metrics.batch_output_bytes_total.Add(batch->bytes.size());
  metrics.buffered_messages.Sub(batch->messages);
  metrics.buffered_bytes.Sub(batch->payload);
  if (batch->messages > 0) CountBatch(BatchForm::kCork, batch->messages);
  // Apart, so that a control frame of ours finds a place between.
  const std::span<const uint8_t> all(batch->bytes);
  if (batch->whole > 0) writer_.Write(all.first(batch->whole), true);
  if (batch->whole < all.size()) writer_.Write(all.subspan(batch->whole), false);
  Count(batch->messages, batch->payload, batch->messages);
  context_.outboxes().GiveCorkBatch(std::move(batch));
}

}  // namespace sheaf
