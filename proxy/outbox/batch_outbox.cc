#include "proxy/outbox/batch_outbox.h"

#include <algorithm>
#include <new>
#include <utility>

#include "proxy/base/bytes.h"
#include "proxy/outbox/stores.h"
#include "proxy/plan/context.h"
#include "proxy/plan/negotiation.h"
#include "proxy/plan/route_plan.h"
#include "proxy/wire/ws_frame.h"

namespace sheaf {
namespace {

BatchForm FormOf(const std::optional<Envelope>& envelope) {
  return envelope ? static_cast<BatchForm>(static_cast<size_t>(*envelope) + 1) : BatchForm::kCork;
}
static_assert(static_cast<size_t>(BatchForm::kJson) == static_cast<size_t>(Envelope::kJson) + 1);
static_assert(static_cast<size_t>(BatchForm::kSocketIoEvent) == static_cast<size_t>(Envelope::kSocketIoEvent) + 1);

}  // namespace

// What is kept of a message while its parts are sent.
struct BatchOutbox::Large {
  std::optional<batching::Escape> escape;         // nullopt: it goes as it is
  std::unique_ptr<MessageCompressor> compressor;  // where the client has none of its own
  bool sent_part = false;                         // a part has gone
};

// Tells the gauges what has left by the end of a scope, however it is left.
class BatchOutbox::Recount {
 public:
  explicit Recount(BatchOutbox& outbox) : outbox_(outbox) { Add(-1); }
  Recount(const Recount&) = delete;
  Recount& operator=(const Recount&) = delete;
  ~Recount() { Add(1); }

 private:
  void Add(int64_t sign) {
    outbox_.CountGathered(sign * static_cast<int64_t>(outbox_.batcher_.messages()),
                          sign * static_cast<int64_t>(outbox_.batcher_.bytes()));
  }

  BatchOutbox& outbox_;
};

BatchOutbox::BatchOutbox(WorkerContext& context, OutboxEvents& events, net::Connection& connection,
                         const RoutePlan& plan, const Negotiated& negotiated)
    : GatheringOutbox(context, events, connection, plan, negotiated),
      examiner_(plan.examiner(negotiated.envelope)),
      batcher_(context.outboxes().queues()),
      compression_(negotiated.deflate, context.options().deflate.context),
      form_(FormOf(negotiated.envelope)) {
  static_assert(sizeof(BatchOutbox) <= 328, "an idle session's budget");
}

BatchOutbox::~BatchOutbox() {
  compression_.Leave(context_.outboxes().cohorts());
  CountGathered(-static_cast<int64_t>(batcher_.messages()), -static_cast<int64_t>(batcher_.bytes() + part_.size()));
}

void BatchOutbox::Add(const wire::MessagePart& part) {
  Note(part);
  if (large_) {
    SendOn(part);
  } else if (part.first && part.last) {
    AddWhole(MessageOf(part));
  } else {
    AddPart(part);
  }
  CheckGrowth();
  OnPartAdded();
}

void BatchOutbox::Take(const batching::MessageRef& message, Urgency urgency) {
  batching::MessageFacts facts = examiner_.Examine(*message);
  if (Overtakes(message, facts)) return;
  if (urgency == Urgency::kCritical) {
    facts.critical = true;
    OnUrgent();
  }
  Join(message, facts, LimitsFor(urgency));
  CheckGrowth();
}

void BatchOutbox::AddPart(const wire::MessagePart& part) {
  const uint64_t size = part_.size() + part.payload.size();
  // Of a large one, so much of its beginning tells how it is written.
  if (size > std::max<uint64_t>(marks().high, batching::kBeginning)) {
    Flush(FlushReason::kAlone);
    BeginLarge(part);
    return SendOn(part);
  }
  Gather(AsText(part.payload));
  if (part.last) AddWhole(context_.outboxes().messages().Intern(part.opcode, TakePart(), this));
}

void BatchOutbox::Gather(std::string_view payload) {
  part_.append(payload);
  CountGathered(0, static_cast<int64_t>(payload.size()));
}

std::string BatchOutbox::TakePart() {
  CountGathered(0, -static_cast<int64_t>(part_.size()));
  return std::exchange(part_, std::string());
}

// ---- gathering

batching::MessageRef BatchOutbox::MessageOf(const wire::MessagePart& whole) {
  batching::MessageStore& messages = context_.outboxes().messages();
  if (whole.broadcast != 0) return messages.InternBroadcast(whole.broadcast, whole.opcode, AsText(whole.payload));
  return messages.Intern(whole.opcode, AsText(whole.payload), this);
}

void BatchOutbox::AddWhole(const batching::MessageRef& message) {
  const batching::MessageFacts& facts = examiner_.Examine(*message);
  if (Overtakes(message, facts)) return;
  if (message->is_text()) LetAnswerPass(message->text());
  Join(message, facts, limits());
}

inline bool BatchOutbox::Overtakes(const batching::MessageRef& message, const batching::MessageFacts& facts) {
  if (!facts.critical) return false;
  plan_.counters.critical[facts.critical_rule]->Add();
  if (facts.overtake && MayOvertake()) {
    SendAhead(message, facts);
    return true;
  }
  OnUrgent();
  return false;
}

inline void BatchOutbox::Join(const batching::MessageRef& message, const batching::MessageFacts& facts,
                              const batching::BatchLimits& limits) {
  const bool conflate = plan_.options.slow_client != SlowClient::kConflate || writer_.full() || plan_.paced ||
                        InForce(ReliefStep::kConflate, context_.pressure());
  const batching::Batcher::Verdict verdict = batcher_.Add(message, facts, conflate, limits, context_.loop().now());
  CountGathered(1, static_cast<int64_t>(message->size()));
  if (verdict.replaced.messages > 0) CountReplaced(facts, verdict.replaced);
  Schedule(verdict);
}

void BatchOutbox::Schedule(const batching::Batcher::Verdict& verdict) {
  switch (verdict.when) {
    case batching::Batcher::Verdict::When::kNow:
      return FlushAtTurnEnd(verdict.reason);
    case batching::Batcher::Verdict::When::kAt:
      return FlushAt(verdict.due, batcher_.bytes() + kHeader);
    case batching::Batcher::Verdict::When::kWaiting:
      return;
  }
}

// The attachments of a Socket.IO packet that has been sent must follow it with nothing in between.
bool BatchOutbox::MayOvertake() const {
  const batching::Message* front = batcher_.front();
  return !socket_io_ || front == nullptr || front->is_text();
}

// A critical message that may overtake: what is gathered stays.
void BatchOutbox::SendAhead(const batching::MessageRef& message, const batching::MessageFacts& facts) {
  if (facts.replaceable) CountReplaced(facts, batcher_.RemoveSameKey(*message, facts));
  context_.metrics().batch_flushes_total[FlushReason::kCritical].Add();
  context_.metrics().batch_delay_seconds.Observe(std::chrono::nanoseconds(0));
  CountBatch(form_, 1);
  SendFrame({&message, 1}, examiner_.encoder() != nullptr && facts.look_alike);
}

void BatchOutbox::DropDownTo(size_t most) {
  const auto may_go = [this](const batching::Message& message) { return batching::IsDroppable(message, socket_io_); };
  while (gathered() > most) {
    const std::optional<size_t> dropped = batcher_.DropOldest(may_go);
    if (!dropped) return;
    CountGathered(-1, -static_cast<int64_t>(*dropped));
    plan_.counters.route->dropped.Add();
  }
}

void BatchOutbox::CountReplaced(const batching::MessageFacts& facts, const batching::Queue::Removed& removed) {
  CountGathered(-static_cast<int64_t>(removed.messages), -static_cast<int64_t>(removed.bytes));
  plan_.counters.conflated[facts.conflate_rule]->Add(removed.messages);
}

void BatchOutbox::CountGathered(int64_t messages, int64_t bytes) {
  context_.metrics().buffered_messages.Add(messages);
  context_.metrics().buffered_bytes.Add(bytes);
}

// ---- sending

void BatchOutbox::Flush(FlushReason reason) {
  FlushOldest(reason, messages());
}

void BatchOutbox::FlushOldest(FlushReason reason, size_t most) {
  if (empty() || most == 0) return;
  CancelFlush();
  context_.metrics().batch_flushes_total[reason].Add();
  context_.metrics().batch_delay_seconds.Observe(context_.loop().now() - batcher_.oldest());
  const Recount recount(*this);
  const batching::Encoder* encoder = examiner_.encoder();
  if (encoder == nullptr) CountBatch(form_, most);  // many frames, one write
  batcher_.TakeFrames(encoder, limits(), most, [&](std::span<const batching::MessageRef> messages, bool wrapped) {
    if (encoder != nullptr) CountBatch(form_, messages.size());
    SendFrame(messages, wrapped);
  });
}

void BatchOutbox::SendFrame(std::span<const batching::MessageRef> messages, bool wrapped) {
  size_t bytes = 0;
  for (const batching::MessageRef& message : messages) bytes += message->size();
  context_.metrics().batch_input_bytes_total.Add(bytes);
  const batching::MessageRef frame =
      wrapped ? context_.outboxes().frames().Get(*examiner_.encoder(), messages) : messages.front();
  const bool for_many = compression_.keeps_context() && IsForMany(*frame, messages);
  try {
    const std::string_view sent = compression_.Frame(context_, frame, for_many);
    CountCompression(frame->size(), sent.size() - wire::FrameHeaderSize(static_cast<uint8_t>(sent[1])));
    Write(sent);
  } catch (const std::bad_alloc&) {
    compression_.ForgetContext();
    throw;
  }
  Count(messages.size(), bytes, 1);
}

// A batch is for as many as the message in it that is for the fewest.
bool BatchOutbox::IsForMany(const batching::Message& frame, std::span<const batching::MessageRef> messages) const {
  const batching::MessageStore& store = context_.outboxes().messages();
  return frame.shared() || std::all_of(messages.begin(), messages.end(), [&store](const batching::MessageRef& message) {
           return store.IsForMany(*message);
         });
}

// By the bytes of each client, whereas WorkerMetrics counts what was compressed once for all of them.
void BatchOutbox::CountCompression(size_t plain, size_t sent) {
  if (!compression_.agreed()) return;
  plan_.counters.route->deflate_input_bytes.Add(plain);
  plan_.counters.route->deflate_output_bytes.Add(sent);
}

void BatchOutbox::Write(std::string_view frame) {
  context_.metrics().batch_output_bytes_total.Add(frame.size());
  writer_.Write(AsBytes(frame), true);
}

// ---- a large message

// `part` is the one with which the message became large; what was gathered of it comes before.
void BatchOutbox::BeginLarge(const wire::MessagePart& part) {
  large_ = std::make_unique<Large>();
  compression_.BeginLarge();
  const batching::Encoder* encoder = examiner_.encoder();
  if (encoder == nullptr) return;
  std::string beginning = part_.substr(0, batching::kBeginning);
  beginning.append(AsText(part.payload).substr(0, batching::kBeginning - beginning.size()));
  large_->escape = encoder->EscapeLarge(part.opcode, beginning);
}

void BatchOutbox::EndLarge() {
  large_.reset();
  compression_.EndLarge();
  CountBatch(form_, 1);
  Count(1, 0, 1);
}

void BatchOutbox::SendOn(const wire::MessagePart& part) {
  if (!part.last && part_.size() + part.payload.size() < kLeastPart) return Gather(AsText(part.payload));
  if (part_.empty()) {
    SendPart(part.opcode, AsText(part.payload), part.last);
  } else {
    Gather(AsText(part.payload));
    const std::string gathered = TakePart();
    SendPart(part.opcode, gathered, part.last);
  }
  if (part.last && !writer_.closed()) EndLarge();
}

void BatchOutbox::SendPart(wire::Opcode opcode, std::string_view payload, bool last) {
  context_.metrics().batch_input_bytes_total.Add(payload.size());
  Count(0, payload.size(), 0);
  std::string escaped;
  if (large_->escape) {
    large_->escape->Append(payload, last, escaped);
    payload = escaped;
  }
  const bool first = !std::exchange(large_->sent_part, true);
  std::string& frame = context_.outboxes().scratch();
  frame.clear();
  if (compression_.agreed()) {
    MessageCompressor& compressor = compression_.ForLarge(context_, large_->compressor);
    const auto size = compressor.Append(opcode, AsBytes(payload), first, last, frame);
    if (!size) return events_.GiveUp(CloseReason::kOutOfMemory);
    context_.metrics().deflate_input_bytes_total.Add(payload.size());
    context_.metrics().deflate_output_bytes_total.Add(*size);
    if (last) context_.metrics().deflate_messages_total.Add();
    CountCompression(payload.size(), *size);
  } else {
    wire::AppendFrameHeader(frame, first ? opcode : wire::Opcode::kContinuation, last, payload.size());
    frame.append(payload);
  }
  if (!frame.empty()) Write(frame);
}

}  // namespace sheaf
