// The messages that wait for one client, and the verdict when they leave. Pure: no socket, time is an argument.
//
//   const Batcher::Verdict verdict = batcher.Add(message, facts, conflate, limits, now);
//   ...
//   batcher.TakeFrames(encoder, limits, [&](std::span<const MessageRef> frame, bool wrapped) { ... });
//
// Owned by a session's outbox; one thread only. Empty it holds no heap memory: its queue is lent by the worker. Budget:
// 64 bytes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "batching/encoder.h"
#include "batching/message.h"
#include "batching/window.h"
#include "proxy/base/clock.h"
#include "proxy/base/metric_table.h"

namespace sheaf::batching {

// Bounds of a batch: those of the route, or tighter ones under memory pressure.
struct BatchLimits {
  uint32_t size = 100;                               // messages
  uint64_t max_bytes = 64 * 1024;                    // payload of the messages
  Duration timeout = std::chrono::milliseconds(50);  // age of the oldest message
  bool adaptive = true;
  Duration longest = Duration::max();  // no message waits longer, though waiting is earned over `timeout`

  WindowLimits window() const {
    return {.timeout = timeout, .longest = std::min(timeout, longest), .adaptive = adaptive};
  }
};

// Messages in order. One that was removed leaves an empty place.
class Queue {
 public:
  void Push(const MessageRef& message, const MessageFacts& facts, TimePoint now);
  // Removes those that a conflation rule gives the same key as `facts`. Returns their number and size.
  struct Removed {
    size_t messages = 0;
    size_t bytes = 0;
  };
  Removed RemoveSameKey(const Message& message, const MessageFacts& facts);
  // Removes the oldest message that may go, but never the newest; nullopt when none may.
  template <typename MayGo>
  std::optional<size_t> RemoveOldest(MayGo may_go) {
    for (size_t i = first_; i + 1 < messages_.size(); ++i) {
      if (!messages_[i] || !may_go(*messages_[i])) continue;
      const size_t size = messages_[i]->size();
      RemoveAt(i);
      // A stalled client's queue would otherwise grow with what was dropped.
      if (empty_ > messages_.size() / 2) Compact();
      return size;
    }
    return std::nullopt;
  }
  // The oldest message; nullptr when there is none.
  const Message* front() const { return first_ < messages_.size() ? messages_[first_].get() : nullptr; }
  // Closes the empty places.
  void Compact();
  void Clear();

  // After Compact: the messages, and how many of them from `begin` on share a frame.
  std::span<const MessageRef> messages() const { return messages_; }
  size_t FrameSize(size_t begin, const Encoder& encoder, const BatchLimits& limits) const;
  bool look_alike(size_t i) const { return tags_[i].look_alike; }
  // Gives all but the first `keep` to an empty queue. Returns their payload's bytes.
  size_t GiveRest(size_t keep, Queue& rest);
  // When the first of them came.
  TimePoint came() const { return tags_.front().came; }
  // How many from the first on are within both bounds: while less than these was before. Past them go such as could be
  // replaced, with what is within; and with `attachments` binary ones, which belong to what is before them.
  size_t CountWithin(uint64_t messages, uint64_t bytes, bool attachments) const;

  size_t capacity() const { return messages_.capacity(); }
  // What it takes, without the messages themselves.
  size_t memory() const {
    return sizeof(Queue) + messages_.capacity() * sizeof(MessageRef) + tags_.capacity() * sizeof(Tag);
  }

 private:
  // What is needed of a message's facts, which may be another examiner's by the time they are asked for.
  struct Tag {
    TimePoint came;
    uint32_t scope_size;
    uint32_t key_offset;
    uint32_t key_size;
    uint32_t key_hash;
    uint16_t conflate_rule;
    bool replaceable;
    bool carriable;
    bool look_alike;
  };

  bool HasKey(size_t i, uint32_t hash, const Message& message, const MessageFacts& facts) const;
  void RemoveAt(size_t i);

  std::vector<MessageRef> messages_;
  std::vector<Tag> tags_;
  size_t first_ = 0;  // before it are empty places only
  size_t empty_ = 0;
};

// A worker's spare queues, so that in the steady state none is allocated and idle sessions have none.
class QueuePool {
 public:
  std::unique_ptr<Queue> Take();
  void Give(std::unique_ptr<Queue> queue);
  // Frees the spare ones; returns their bytes.
  size_t Trim();

 private:
  static constexpr size_t kMostSpare = 1024;
  static constexpr size_t kMostCapacity = 256;  // messages; a larger queue is not kept
  std::vector<std::unique_ptr<Queue>> spare_;
};

class Batcher {
 public:
  struct Verdict {
    enum class When : uint8_t {
      kNow,      // at the end of this turn
      kAt,       // when `due` has come
      kWaiting,  // the batch's time is already known
    };
    When when = When::kWaiting;
    FlushReason reason = FlushReason::kTimeout;  // why it leaves then
    TimePoint due{};
    Queue::Removed replaced{};  // older messages with the same key
  };

  explicit Batcher(QueuePool& pool) : pool_(pool) {}
  Batcher(const Batcher&) = delete;
  Batcher& operator=(const Batcher&) = delete;
  ~Batcher() { Clear(); }

  // Gathers the message. `conflate`: conflation rules are in force; then a message with the key of gathered ones
  // removes those, and stands where it came: the order of what remains is the backend's.
  Verdict Add(const MessageRef& message, const MessageFacts& facts, bool conflate, const BatchLimits& limits,
              TimePoint now);

  // Removes gathered messages with the key of one that is not gathered itself, since it overtakes.
  Queue::Removed RemoveSameKey(const Message& message, const MessageFacts& facts);

  Window& window() { return window_; }

  bool empty() const { return messages_ == 0; }
  size_t messages() const { return messages_; }
  size_t bytes() const { return bytes_; }  // payload
  // What the queue takes, about: a flood of empty messages counts, too.
  size_t memory() const { return bytes_ + messages_ * kPlace; }
  TimePoint oldest() const { return oldest_; }
  uint32_t dropped() const { return dropped_; }  // by DropOldest, ever, modulo 2^32
  // The oldest gathered message; nullptr when there is none.
  const Message* front() const { return queue_ ? queue_->front() : nullptr; }

  // Removes the oldest message that `may_go` allows, but never the newest. Returns its size; nullopt when there is
  // none.
  template <typename MayGo>
  std::optional<size_t> DropOldest(MayGo may_go) {
    if (!queue_) return std::nullopt;
    const std::optional<size_t> size = queue_->RemoveOldest(may_go);
    if (!size) return std::nullopt;
    --messages_;
    bytes_ -= *size;
    ++dropped_;
    return size;
  }

  // Closes empty places: how many messages Queue::CountWithin says.
  size_t CountWithin(uint64_t messages, uint64_t bytes, bool attachments) {
    if (!queue_) return 0;
    queue_->Compact();
    return queue_->CountWithin(messages, bytes, attachments);
  }

  // Takes the oldest `most` messages out, cut into frames: each has as many, in order, as the encoder and the limits
  // let share one. `encoder`: nullptr: one each. Calls on_frame(messages, wrapped) for each; not wrapped: the message's
  // own frame. `on_frame` must not add.
  template <typename OnFrame>
  void TakeFrames(const Encoder* encoder, const BatchLimits& limits, size_t most, OnFrame on_frame) {
    if (!queue_) return;
    std::unique_ptr<Queue> queue = TakeOldest(most);
    const std::span<const MessageRef> messages = queue->messages();
    for (size_t begin = 0; begin < messages.size();) {
      const size_t count = encoder == nullptr ? 1 : queue->FrameSize(begin, *encoder, limits);
      on_frame(messages.subspan(begin, count), encoder != nullptr && (count > 1 || queue->look_alike(begin)));
      begin += count;
    }
    pool_.Give(std::move(queue));
  }

  void Clear();

 private:
  static constexpr size_t kPlace = 64;  // of one message, beside its payload

  std::unique_ptr<Queue> TakeOldest(size_t most);

  QueuePool& pool_;
  std::unique_ptr<Queue> queue_;
  size_t messages_ = 0;
  size_t bytes_ = 0;
  TimePoint oldest_{};
  Window window_;
  uint32_t dropped_ = 0;
};

}  // namespace sheaf::batching
