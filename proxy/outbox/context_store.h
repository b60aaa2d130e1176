// The compression contexts that clients of a worker have of their own (deflate.context = own): bounded in bytes, and
// given up when they were of no use for a while or memory runs short.
//
//   std::unique_ptr<OwnContext> own;             // where the client's outbox keeps it
//   if (!own) contexts.Make(own, window_bits);
//   if (own) own->Use().Append(...);
//
// The store may reset `own` whenever the outbox is not amid a message. One store for each worker; one thread only. The
// contexts die before it.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "proxy/base/clock.h"
#include "proxy/base/list.h"
#include "proxy/base/metrics.h"
#include "proxy/outbox/message_compressor.h"
#include "proxy/wire/ws_deflate.h"
#include "proxy/wire/ws_deflate_offers.h"

namespace sheaf {

class ContextStore;

class OwnContext {
 public:
  // As uvicorn compresses: zlib's level 1 takes nearly twice its bytes.
  static constexpr uint8_t kWindowBits = 12;
  static constexpr wire::DeflateSettings kSettings{.level = 6, .memory_level = 5};

  static constexpr size_t Bytes(uint8_t window_bits) {
    return wire::DeflaterBytes(std::min(window_bits, kWindowBits), kSettings.memory_level);
  }

  OwnContext(ContextStore& store, std::unique_ptr<OwnContext>& place, uint8_t window_bits);
  OwnContext(const OwnContext&) = delete;
  OwnContext& operator=(const OwnContext&) = delete;
  ~OwnContext();

  MessageCompressor& Use();

  bool amid_message = false;  // a message is half compressed: the context must stay

 private:
  friend class ContextStore;
  ContextStore& store_;
  std::unique_ptr<OwnContext>& place_;
  const size_t bytes_;
  uint32_t used_;  // when, in seconds
  ListHook hook_;
  MessageCompressor compressor_;
};

class ContextStore {
 public:
  static constexpr Duration kUnused = std::chrono::seconds(60);

  explicit ContextStore(WorkerMetrics& metrics) : metrics_(metrics) {}
  ContextStore(const ContextStore&) = delete;
  ContextStore& operator=(const ContextStore&) = delete;

  // So many bytes at most, of this worker's. Contexts beyond a new bound stay until they are of no use.
  void SetBound(size_t bytes) { bound_ = bytes; }

  // More than half of the bound is left: contexts need not be earned.
  bool plenty() const { return bytes_ < bound_ / 2; }

  // Fills `place`, which lives as long as the context; leaves it empty, and counts that, when there is no room.
  void Make(std::unique_ptr<OwnContext>& place, uint8_t window_bits);

  // Once in a while: drops those that nobody has used for kUnused.
  void Expire(TimePoint now);
  // Drops all; returns their bytes.
  size_t DropAll();

  size_t bytes() const { return bytes_; }
  size_t count() const { return contexts_.size(); }

 private:
  friend class OwnContext;
  void Add(OwnContext& context);
  void Remove(OwnContext& context);

  WorkerMetrics& metrics_;
  List<OwnContext, &OwnContext::hook_> contexts_;  // by when they were used, the longest ago first
  size_t bound_ = 0;
  size_t bytes_ = 0;
  uint32_t second_ = 0;  // of the last Expire
};

}  // namespace sheaf
