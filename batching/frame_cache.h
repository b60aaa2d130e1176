// Encode once, compress once: the frames that were made lately, found again by the messages in them. When a thousand
// sessions of a worker flush the same broadcast, the first one encodes and compresses, the others copy.
//
// One for each worker; one thread only. Bounded: a fixed number of frames, and kMaxBytes of frames and of the messages
// that they are found by, forgotten after one to two periods. Needs frames without context takeover: with it no two
// sessions' compressed frames are the same.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "batching/encoder.h"
#include "batching/message.h"
#include "proxy/base/metrics.h"
#include "proxy/wire/ws_deflate.h"
#include "proxy/wire/ws_deflate_offers.h"

namespace sheaf::batching {

// How the frame is made.
struct FrameRecipe {
  const Encoder* encoder = nullptr;  // nullptr: the frame of exactly one message
  uint8_t window_bits = 0;           // of its compression; 0: not compressed
  bool operator==(const FrameRecipe&) const = default;
};

// One frame, with its header.
struct CachedFrame {
  std::string bytes;
  size_t header_size = 0;
  wire::Opcode opcode = wire::Opcode::kText;
  std::string_view payload() const { return std::string_view(bytes).substr(header_size); }
};

class FrameCache {
 public:
  static constexpr size_t kMaxBytes = 16 * 1024 * 1024;

  // `threshold`: payloads of fewer bytes are not compressed.
  FrameCache(const wire::DeflateSettings& settings, uint64_t threshold, WorkerMetrics& metrics);
  FrameCache(const FrameCache&) = delete;
  FrameCache& operator=(const FrameCache&) = delete;
  ~FrameCache();

  // From now on. Where the settings are others, what is cached is forgotten.
  void Adopt(const wire::DeflateSettings& settings, uint64_t threshold);

  // The frame with these messages, made now if it is not there. Valid until the next call of Get or Expire.
  const CachedFrame& Get(const FrameRecipe& recipe, std::span<const MessageRef> messages);

  // Called once a period (the worker's tick of 100 ms): forgets what was not asked for since the call before.
  void Expire();
  // Forgets all, and gives up the compressors; returns the bytes that this freed, about.
  size_t Trim();

  size_t frames() const { return frames_; }  // that are kept
  size_t bytes() const { return bytes_; }    // ... and what they take

 private:
  struct Place;
  static constexpr size_t kWays = 4;
  static constexpr size_t kSets = 256;

  Place* Find(std::span<Place> set, size_t hash, const FrameRecipe& recipe, std::span<const MessageRef> messages);
  const CachedFrame& Keep(Place& place, size_t hash, const FrameRecipe& recipe, std::span<const MessageRef> messages);
  void Forget(Place& place);
  void MakeRoom(size_t size);

  void Make(const FrameRecipe& recipe, std::span<const MessageRef> messages);
  bool Compress(uint8_t window_bits, std::string_view payload);

  wire::DeflateSettings settings_;
  uint64_t threshold_;
  WorkerMetrics& metrics_;
  std::vector<Place> places_;                      // made at the first use
  std::unique_ptr<wire::Deflater> deflaters_[16];  // by window bits, made at the first use
  std::string encoded_;                            // scratch: what an encoder made
  std::string compressed_;                         // scratch
  CachedFrame single_use_;                         // the frame that was made last
  size_t frames_ = 0;
  size_t bytes_ = 0;
  size_t next_victim_ = 0;       // in places_: the frame to go when there are too many bytes
  uint64_t asks_ = 0;            // calls of Get
  uint64_t asks_at_expire_ = 0;  // ... when Expire was last called
};

}  // namespace sheaf::batching
