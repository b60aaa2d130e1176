// The messages that wait for one client, and the verdict when they leave. Pure: no socket, time is an argument.
//
//   switch (batcher.Add(message, facts, now)) ...
//   batcher.TakeFrames([&](std::span<const MessageRef> frame) { ... });
//
// Owned by a session's outbox; one thread only. Empty it holds no heap memory. Budget: 64 bytes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "batching/encoder.h"
#include "batching/message.h"
#include "batching/window.h"
#include "proxy/base/clock.h"
#include "proxy/base/metric_table.h"

namespace sheaf::batching {

// Bounds of a batch; those of the route, narrowed under memory pressure.
struct BatchLimits {
  uint32_t size = 100;                               // messages
  uint64_t max_bytes = 64 * 1024;                    // payload of the messages
  Duration timeout = std::chrono::milliseconds(50);  // age of the oldest message
  bool adaptive = true;
};

class Batcher {
 public:
  struct Verdict {
    enum class When : uint8_t {
      kNow,      // at the end of this turn
      kAt,       // when `due` has come: the first message of a batch says so
      kWaiting,  // the batch's time is already known
    };
    When when = When::kWaiting;
    FlushReason reason = FlushReason::kTimeout;  // why it leaves then
    TimePoint due{};
    bool replaced = false;  // an older message with the same key was removed
  };

  // Queues the message. `conflate`: conflation rules are in force; then a message with the key of a queued one removes
  // that one, and stands where it came: the order of those that remain is the backend's.
  Verdict Add(const MessageRef& message, const MessageFacts& facts, bool conflate, const BatchLimits& limits,
              TimePoint now);

  Window& window() { return window_; }
  bool empty() const { return live_ == 0; }
  size_t messages() const { return live_; }
  size_t bytes() const { return bytes_; }  // payload
  TimePoint oldest() const { return oldest_; }

  // Removes the oldest message that `may_drop` allows. Returns its size; nullopt when there is none.
  template <typename MayDrop>
  std::optional<size_t> DropOldest(MayDrop may_drop);

  // Takes all out, cut into frames: each is as many messages in order as the encoder and the limits let share one.
  // `encoder`: nullptr: one each. Calls back with each frame's messages.
  template <typename OnFrame>
  void TakeFrames(const Encoder* encoder, const BatchLimits& limits, OnFrame on_frame);

  void Clear();

 private:
  std::vector<MessageRef> queue_;  // removed ones leave an empty ref
  size_t live_ = 0;
  size_t bytes_ = 0;
  TimePoint oldest_{};
  Window window_;
};

}  // namespace sheaf::batching
