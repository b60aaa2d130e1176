// Gathers whole messages, and sends them as batch frames, or as a frame each; compressed if that was negotiated. Rules,
// dropping and conflating work on what is gathered. See gathering_outbox.h.
//
// A message larger than limits.buffer_high is not gathered: it goes out in parts, behind what is gathered. One that a
// decoder might take for an envelope is escaped on its way (batching/escape.h).
#pragma once

#include <memory>
#include <string>

#include "batching/batcher.h"
#include "batching/examiner.h"
#include "proxy/outbox/client_compression.h"
#include "proxy/outbox/gathering_outbox.h"

namespace sheaf {

class BatchOutbox : public GatheringOutbox {
 public:
  BatchOutbox(WorkerContext& context, OutboxEvents& events, net::Connection& connection, const RoutePlan& plan,
              const Negotiated& negotiated);
  ~BatchOutbox() override;

  void Add(const wire::MessagePart& part) override;
  void Flush(FlushReason reason) override;
  void DropDownTo(size_t most) final;
  size_t gathered() const final { return batcher_.memory(); }
  size_t partial() const final { return part_.empty() ? 0 : part_.capacity(); }
  size_t context_bytes() const final { return compression_.context_bytes(); }
  bool passing_on() const final { return large_ != nullptr; }
  std::string_view delivery() const final { return BatchFormLabels::At(static_cast<size_t>(form_)); }
  std::string_view compression() const final { return compression_.kind(); }
  uint64_t dropped() const final { return batcher_.dropped(); }

 protected:
  // What is gathered: messages, and their payload's bytes.
  size_t messages() const { return batcher_.messages(); }
  size_t bytes() const { return batcher_.bytes(); }
  bool empty() const final { return batcher_.empty(); }
  void Take(const batching::MessageRef& message, Urgency urgency) override;
  // Sends the oldest of them, so many.
  void FlushOldest(FlushReason reason, size_t most);
  // How many that are (batching::Queue::CountWithin).
  size_t CountWithin(uint64_t messages, uint64_t bytes) { return batcher_.CountWithin(messages, bytes, socket_io_); }

 private:
  struct Large;
  class Recount;

  // Of a large message, a frame each, which the backend may have sent as one: some receivers count them (Python's
  // websockets takes 4,096 a message), and what trickles in would make a great many.
  static constexpr size_t kLeastPart = 64 * 1024;

  static constexpr size_t kHeader = 4;  // of a frame of the backend, mostly

  batching::Window& window() final { return batcher_.window(); }
  bool MayJoin() const final { return large_ == nullptr; }
  batching::MessageRef MessageOf(const wire::MessagePart& whole);
  void AddWhole(const batching::MessageRef& message);
  // A critical rule has it overtake what is gathered: it is sent.
  bool Overtakes(const batching::MessageRef& message, const batching::MessageFacts& facts);
  void Join(const batching::MessageRef& message, const batching::MessageFacts& facts,
            const batching::BatchLimits& limits);
  void AddPart(const wire::MessagePart& part);
  std::string TakePart();
  void Gather(std::string_view payload);
  void Schedule(const batching::Batcher::Verdict& verdict);
  bool MayOvertake() const;
  void SendAhead(const batching::MessageRef& message, const batching::MessageFacts& facts);

  // One frame with these messages.
  void SendFrame(std::span<const batching::MessageRef> messages, bool wrapped);
  bool IsForMany(const batching::Message& frame, std::span<const batching::MessageRef> messages) const;
  void BeginLarge(const wire::MessagePart& part);
  void SendOn(const wire::MessagePart& part);
  void EndLarge();
  void SendPart(wire::Opcode opcode, std::string_view payload, bool last);
  void CountCompression(size_t plain, size_t sent);
  void Write(std::string_view frame);

  void CountReplaced(const batching::MessageFacts& facts, const batching::Queue::Removed& removed);
  void CountGathered(int64_t messages, int64_t bytes);

  const batching::Examiner& examiner_;
  batching::Batcher batcher_;
  std::string part_;                                     // of a message that comes in several, not sent yet
  std::unique_ptr<Large> large_;                         // amid a large message
  [[no_unique_address]] ClientCompression compression_;  // whose last bytes are room for what follows
  const BatchForm form_;
};

}  // namespace sheaf
