#include "proxy/outbox/client_compression.h"

#include "proxy/base/bytes.h"
#include "proxy/base/pressure.h"
#include "proxy/outbox/stores.h"
#include "proxy/plan/negotiation.h"
#include "proxy/wire/ws_deflate.h"

namespace sheaf {

ClientCompression::ClientCompression(const std::optional<wire::DeflateAgreement>& agreed, DeflateContext context)
    : place_(agreed ? agreed->server_window_bits : 15),
      window_bits_(agreed ? agreed->server_window_bits : 0),
      keeps_context_(agreed && agreed->server_takeover),
      cohorts_(context == DeflateContext::kShared) {
  static_assert(sizeof(ClientCompression) <= 32, "an idle session's budget");
}

std::string_view ClientCompression::kind() const {
  if (!agreed()) return "none";
  if (!keeps_context()) return "once";
  return own_ || !cohorts_ ? "own" : "shared";
}

bool ClientCompression::shares(WorkerContext& context) const {
  return cohorts_ && context.outboxes().cohorts().shares() && !InForce(ReliefStep::kDropContexts, context.pressure());
}

std::string_view ClientCompression::Frame(WorkerContext& context, const batching::MessageRef& message, bool for_many) {
  if (!agreed()) return message->frame();
  if (keeps_context_) {
    if (message->size() < kLeast) return message->frame();
    ChooseContext(context, message, for_many);
    if (auto frame = InOwnContext(context, message, for_many)) return *frame;
    if (!for_many && message->size() <= ContextChoice::kSmall) return message->frame();
    if (for_many && shares(context)) return Shared(context, message).value_or(message->frame());
  }
  return Alone(context, message).value_or(message->frame());
}

void ClientCompression::ChooseContext(WorkerContext& context, const batching::MessageRef& message, bool for_many) {
  ContextStore& contexts = context.outboxes().contexts();
  choice_.OnMessage(for_many, message->size(), contexts.plenty());
  if (!choice_.wanted() || InForce(ReliefStep::kDropContexts, context.pressure())) {
    // Of the frames that follow from elsewhere our context knows nothing: it must not be gone on with after one.
    own_.reset();
  } else if (!own_) {
    contexts.Make(own_, window_bits_);
    if (!own_) return;
    constexpr size_t kWindow = size_t{1} << OwnContext::kWindowBits;
    own_->Use().Prime(context.outboxes().cohorts().LastBytes(place_, kWindow));
  }
}

// nullopt: it has none.
std::optional<std::string_view> ClientCompression::InOwnContext(WorkerContext& context,
                                                                const batching::MessageRef& message, bool for_many) {
  if (!own_) return std::nullopt;
  std::string& frame = context.outboxes().scratch();
  frame.clear();
  const auto size = own_->Use().Append(message->opcode(), message->bytes(), true, true, frame);
  if (!size) {
    // What failed has not reached the client's context, so plain frames, and later a new context, can follow.
    own_.reset();
    return std::nullopt;
  }
  WorkerMetrics& metrics = context.metrics();
  metrics.deflate_input_bytes_total.Add(message->size());
  metrics.deflate_output_bytes_total.Add(*size);
  metrics.deflate_messages_total.Add();
  metrics.deflate_frames_total[FrameContext::kOwn].Add();
  if (for_many && shares(context)) {
    OnPlace(context.outboxes().cohorts().Track(place_, message));
  } else {
    place_.LoseTail();
  }
  return frame;
}

std::optional<std::string_view> ClientCompression::Shared(WorkerContext& context, const batching::MessageRef& message) {
  const auto given = context.outboxes().cohorts().Give(place_, message);
  if (!given) return std::nullopt;
  context.metrics().deflate_frames_total[given->context].Add();
  OnPlace(given->poor);
  return given->frame;
}

void ClientCompression::OnPlace(bool poor) {
  choice_.OnPlace(poor, place_.tail() >= wire::DeflaterReach(OwnContext::kWindowBits));
}

std::optional<std::string_view> ClientCompression::Alone(WorkerContext& context, const batching::MessageRef& message) {
  if (message->size() < context.options().deflate.threshold) return std::nullopt;
  const auto frame = context.outboxes().cohorts().Alone(window_bits_, message);
  if (!frame || frame->size() >= message->frame().size()) return std::nullopt;
  place_.LoseTail();
  context.metrics().deflate_frames_total[FrameContext::kNone].Add();
  return frame;
}

// ---- a large message

void ClientCompression::BeginLarge() {
  place_.LoseTail();
  if (own_) own_->amid_message = true;
}

MessageCompressor& ClientCompression::ForLarge(WorkerContext& context, std::unique_ptr<MessageCompressor>& lent) {
  if (own_) return own_->Use();
  if (!lent) {
    lent = std::make_unique<MessageCompressor>(window_bits_, false, DeflateEffortFrom(context.options().deflate));
  }
  return *lent;
}

void ClientCompression::EndLarge() {
  if (own_) own_->amid_message = false;
}

}  // namespace sheaf
