// What the outboxes of a worker share: messages and frames that several clients get are there once, and buffers go from
// one to the next. Bounded, and cheap to empty: none of it is needed to go on.
//
// Owned by the worker, which outlives the outboxes; one thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "batching/batcher.h"
#include "batching/cohorts.h"
#include "batching/frame_cache.h"
#include "batching/message.h"
#include "proxy/base/clock.h"
#include "proxy/base/list.h"
#include "proxy/base/metrics.h"
#include "proxy/base/option_table.h"
#include "proxy/net/loop.h"
#include "proxy/outbox/context_store.h"
#include "proxy/outbox/gathering_outbox.h"

namespace sheaf {

// What a CorkOutbox gathers: frames as they came, one behind the other.
struct CorkBatch {
  std::vector<uint8_t> bytes;
  size_t whole = 0;       // of them, up to the end of the last whole frame
  uint32_t messages = 0;  // whole ones
  uint32_t payload = 0;   // bytes, parts of messages included
  TimePoint oldest{};
};

class OutboxStores {
 public:
  OutboxStores(const Options::Deflate& options, WorkerMetrics& metrics);

  // From now on; contexts that clients have stay as they are.
  void Adopt(const Options::Deflate& options);

  batching::MessageStore& messages() { return messages_; }
  batching::QueuePool& queues() { return queues_; }
  batching::FrameCache& frames() { return frames_; }
  batching::Cohorts& cohorts() { return cohorts_; }
  ContextStore& contexts() { return contexts_; }
  std::string& scratch() { return scratch_; }  // for one frame; the next user overwrites it

  // An empty batch, with room if there is a spare one, lent while something is gathered in it.
  std::unique_ptr<CorkBatch> TakeCorkBatch();
  void GiveCorkBatch(std::unique_ptr<CorkBatch> batch);

  // Has `outbox` flush in FlushDue; it must not be on the list.
  void FlushAtTurnEnd(GatheringOutbox& outbox) { flush_at_turn_end_.PushBack(outbox); }
  void ForgetFlush(GatheringOutbox& outbox) { flush_at_turn_end_.Remove(outbox); }
  // Flushes those that asked for it in this turn.
  void FlushDue(net::Loop& loop);

  // Once a tick: forgets what was of no use for a while. `context_bound`: bytes that contexts may take.
  void Expire(TimePoint now, size_t context_bound);
  // Frees all that nobody uses at the moment, contexts of clients aside; returns its bytes, about.
  uint64_t Free();
  // Frees all compression contexts, and what clients share beside them. What was compressed stays decodable.
  uint64_t DropContexts();

 private:
  static constexpr size_t kMostScratch = 256 * 1024;
  static constexpr size_t kMostSpareBatches = 256;
  static constexpr size_t kMostSpareBytes = 16 * 1024;  // of one batch

  batching::MessageStore messages_;
  batching::QueuePool queues_;
  batching::FrameCache frames_;
  batching::Cohorts cohorts_;
  ContextStore contexts_;
  std::string scratch_;
  std::vector<std::unique_ptr<CorkBatch>> spare_batches_;
  List<GatheringOutbox, &GatheringOutbox::turn_hook_> flush_at_turn_end_;
};

}  // namespace sheaf
