// Encode once, compress once: the frames that were made lately, found again by the messages in them. When a thousand
// sessions of a worker flush the same broadcast, the first one encodes and compresses, the others copy.
//
// One for each worker; one thread only. Bounded: a fixed number of frames and kMaxBytes, forgotten after one to two
// periods. Needs frames without context takeover: with it no two sessions' compressed frames are the same.
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

  // The frame with these messages, made now if it is not there. Valid until the next call of Get or Expire.
  const CachedFrame& Get(const FrameRecipe& recipe, std::span<const MessageRef> messages);

  // Called once a period (the worker's tick of 100 ms): forgets what was not asked for since the last call but one.
  void Expire();

 private:
  struct Place;
  static constexpr size_t kWays = 4;
  static constexpr size_t kSets = 256;

  Place& FindPlace(const FrameRecipe& recipe, std::span<const MessageRef> messages, bool& found);
  void Make(const FrameRecipe& recipe, std::span<const MessageRef> messages, CachedFrame& frame);

  const wire::DeflateSettings settings_;
  const uint64_t threshold_;
  WorkerMetrics& metrics_;
  std::vector<Place> places_;                      // made at the first use
  std::unique_ptr<wire::Deflater> deflaters_[16];  // by window bits, made at the first use
  std::string payload_;                            // scratch
  CachedFrame single_use_;                         // for what is too large to keep
  size_t bytes_ = 0;
  uint32_t period_ = 0;
};

}  // namespace sheaf::batching
