// Encode once: the batch frames that were made lately, found again by the messages in them. When a thousand sessions of
// a worker flush the same batch, the first one encodes it; the others, and whoever compresses it, get the same Message.
//
// One for each worker; one thread only. Bounded: a fixed number of frames, and kMaxBytes of frames and of the messages
// that they are found by, forgotten after one to two periods.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "batching/encoder.h"
#include "batching/message.h"
#include "proxy/base/metrics.h"

namespace sheaf::batching {

class FrameCache {
 public:
  static constexpr size_t kMaxBytes = 16 * 1024 * 1024;

  // Its frames are messages of `store`, which outlives it.
  FrameCache(MessageStore& store, WorkerMetrics& metrics);
  FrameCache(const FrameCache&) = delete;
  FrameCache& operator=(const FrameCache&) = delete;
  ~FrameCache();

  // The frame with these messages, made now if it is not there.
  MessageRef Get(const Encoder& encoder, std::span<const MessageRef> messages);

  // Called once a period (the worker's tick of 100 ms): forgets what was not asked for since the call before.
  void Expire();
  // Forgets all; returns the bytes that this freed, about.
  size_t Trim();

  size_t frames() const { return frames_; }  // that are kept
  size_t bytes() const { return bytes_; }    // ... and what they take

 private:
  struct Place;
  static constexpr size_t kWays = 4;
  static constexpr size_t kSets = 256;

  Place* Find(std::span<Place> set, size_t hash, const Encoder& encoder, std::span<const MessageRef> messages);
  void Keep(Place& place, size_t hash, const Encoder& encoder, std::span<const MessageRef> messages,
            const MessageRef& frame);
  void Forget(Place& place);
  void MakeRoom(size_t size);
  MessageRef Make(const Encoder& encoder, std::span<const MessageRef> messages);

  MessageStore& store_;
  WorkerMetrics& metrics_;
  std::vector<Place> places_;  // made at the first use
  std::string encoded_;        // scratch
  size_t frames_ = 0;
  size_t bytes_ = 0;
  size_t next_victim_ = 0;       // in places_: the frame to go when there are too many bytes
  uint64_t asks_ = 0;            // calls of Get
  uint64_t asks_at_expire_ = 0;  // ... when Expire was last called
};

}  // namespace sheaf::batching
