#include "proxy/outbox/cork_outbox.h"

#include <utility>

#include "proxy/base/bytes.h"
#include "proxy/outbox/stores.h"
#include "proxy/plan/context.h"
#include "proxy/plan/route_plan.h"

namespace sheaf {

CorkOutbox::CorkOutbox(WorkerContext& context, FrameSink& sink, const RoutePlan& plan, const Negotiated& negotiated)
    : Outbox(context, sink, plan, negotiated) {
  static_assert(sizeof(CorkOutbox) <= 176, "an idle session's budget");
}

CorkOutbox::~CorkOutbox() {
  context_.metrics().buffered_messages.Sub(messages_);
  context_.metrics().buffered_bytes.Sub(payload_);
}

void CorkOutbox::Add(const wire::FramePiece& piece) {
  TimePoint due{};
  if (piece.first) {
    if (piece.opcode == wire::Opcode::kText) LetAnswerPass(AsText(piece.payload));
    due = window_.OnMessage(context_.loop().now(), limits_.window());
    // Borrowed bytes leave without a copy; behind gathered ones they must queue up.
    passing_ = empty() && due <= context_.loop().now() && !sink_.client_full();
  }
  if (passing_) return PassOn(piece);
  if (empty()) {
    Begin();
    if (piece.first && due > context_.loop().now()) {
      FlushAt(due, piece.wire.size());
    } else {
      FlushAtTurnEnd(FlushReason::kAtOnce);
    }
  } else if (piece.first && due <= context_.loop().now()) {
    FlushAtTurnEnd(FlushReason::kAtOnce);
  }
  gathered_.insert(gathered_.end(), piece.wire.begin(), piece.wire.end());
  if (piece.ends_frame) whole_ = gathered_.size();
  const auto payload = static_cast<uint32_t>(piece.payload.size());
  payload_ += payload;
  messages_ += piece.last ? 1 : 0;
  context_.metrics().buffered_messages.Add(piece.last ? 1 : 0);
  context_.metrics().buffered_bytes.Add(payload);
  if (messages_ >= limits_.size) {
    FlushAtTurnEnd(FlushReason::kSize);
  } else if (payload_ >= limits_.max_bytes) {
    FlushAtTurnEnd(FlushReason::kBytes);
  }
}

void CorkOutbox::Begin() {
  gathered_ = context_.outboxes().TakeBuffer();
  oldest_ = context_.loop().now();
}

void CorkOutbox::PassOn(const wire::FramePiece& piece) {
  sink_.WriteFrames(piece.wire, piece.ends_frame);
  sink_.OnSent(piece.last ? 1 : 0, piece.payload.size(), piece.ends_frame ? 1 : 0);
  context_.metrics().batch_input_bytes_total.Add(piece.payload.size());
  context_.metrics().batch_output_bytes_total.Add(piece.wire.size());
  if (!piece.last) return;
  CountBatch(BatchForm::kCork, 1);
  context_.metrics().batch_flushes_total[FlushReason::kAtOnce].Add();
  context_.metrics().batch_delay_seconds.Observe(std::chrono::nanoseconds(0));
}

void CorkOutbox::Flush(FlushReason reason) {
  if (empty()) return;
  CancelFlush();
  WorkerMetrics& metrics = context_.metrics();
  metrics.batch_flushes_total[reason].Add();
  metrics.batch_delay_seconds.Observe(context_.loop().now() - oldest_);
  metrics.batch_input_bytes_total.Add(payload_);
  metrics.batch_output_bytes_total.Add(gathered_.size());
  metrics.buffered_messages.Sub(messages_);
  metrics.buffered_bytes.Sub(payload_);
  if (messages_ > 0) CountBatch(BatchForm::kCork, messages_);
  std::vector<uint8_t> bytes = std::exchange(gathered_, {});
  const uint32_t messages = std::exchange(messages_, 0);
  const uint32_t payload = std::exchange(payload_, 0);
  // Apart, so that a control frame of ours finds a place between.
  const std::span<const uint8_t> all(bytes);
  const size_t whole = std::exchange(whole_, 0);
  if (whole > 0) sink_.WriteFrames(all.first(whole), true);
  if (whole < all.size()) sink_.WriteFrames(all.subspan(whole), false);
  sink_.OnSent(messages, payload, messages);
  context_.outboxes().GiveBuffer(std::move(bytes));
}

}  // namespace sheaf
