// The compression contexts that clients of a worker have of their own (deflate.context): bounded in bytes, and
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

namespace sheaf {

class ContextStore;

class OwnContext {
 public:
  static constexpr uint8_t kWindowBits = 12;  // as uvicorn compresses

  OwnContext(ContextStore& store, std::unique_ptr<OwnContext>& place, uint8_t window_bits);
  OwnContext(const OwnContext&) = delete;
  OwnContext& operator=(const OwnContext&) = delete;
  ~OwnContext();

  MessageCompressor& Use();
  size_t bytes() const { return bytes_; }

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

  // For contexts that are made from now on.
  void Adopt(const wire::DeflateEffort& effort) { effort_ = effort; }
  // What a context takes.
  size_t BytesOf(uint8_t window_bits) const { return effort_.Bytes(std::min(window_bits, OwnContext::kWindowBits)); }

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

  const wire::DeflateEffort& effort() const { return effort_; }
  size_t bytes() const { return bytes_; }
  size_t count() const { return contexts_.size(); }

 private:
  friend class OwnContext;
  void Add(OwnContext& context);
  void Remove(OwnContext& context);

  WorkerMetrics& metrics_;
  List<OwnContext, &OwnContext::hook_> contexts_;  // by when they were used, the longest ago first
  wire::DeflateEffort effort_;
  size_t bound_ = 0;
  size_t bytes_ = 0;
  uint32_t second_ = 0;  // of the last Expire
};

}  // namespace sheaf
