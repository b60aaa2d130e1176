#include "proxy/outbox/stores.h"

#include <utility>

#include "proxy/plan/negotiation.h"

namespace sheaf {

OutboxStores::OutboxStores(const Options::Deflate& options, WorkerMetrics& metrics)
    : frames_(messages_, metrics), cohorts_(messages_, DeflateEffortFrom(options), metrics), contexts_(metrics) {
  Adopt(options);
}

void OutboxStores::Adopt(const Options::Deflate& options) {
  cohorts_.Adopt(DeflateEffortFrom(options));
  contexts_.Adopt(DeflateEffortFrom(options));
}

std::unique_ptr<CorkBatch> OutboxStores::TakeCorkBatch() {
  if (spare_batches_.empty()) return std::make_unique<CorkBatch>();
  std::unique_ptr<CorkBatch> batch = std::move(spare_batches_.back());
  spare_batches_.pop_back();
  return batch;
}

void OutboxStores::GiveCorkBatch(std::unique_ptr<CorkBatch> batch) {
  if (spare_batches_.size() == kMostSpareBatches || batch->bytes.capacity() > kMostSpareBytes) return;
  batch->bytes.clear();
  batch->whole = 0;
  batch->messages = batch->payload = 0;
  spare_batches_.push_back(std::move(batch));
}

// A flush is written at once: the next outbox's frame is often the same, and still in the processor's cache.
void OutboxStores::FlushDue(net::Loop& loop) {
  while (!flush_at_turn_end_.empty()) {
    flush_at_turn_end_.PopFront().OnTurnEnd();
    loop.FlushWrites();
  }
}

void OutboxStores::Expire(TimePoint now, size_t context_bound) {
  messages_.Expire();
  frames_.Expire();
  cohorts_.SetBound(context_bound);
  cohorts_.Expire();
  contexts_.SetBound(context_bound);
  contexts_.Expire(now);
  if (scratch_.capacity() > kMostScratch) scratch_ = std::string();
}

uint64_t OutboxStores::Free() {
  uint64_t freed = messages_.Trim() + queues_.Trim() + frames_.Trim() + cohorts_.DropContexts() + scratch_.capacity();
  for (const std::unique_ptr<CorkBatch>& batch : spare_batches_) freed += sizeof(CorkBatch) + batch->bytes.capacity();
  std::vector<std::unique_ptr<CorkBatch>>().swap(spare_batches_);
  scratch_ = std::string();
  return freed;
}

uint64_t OutboxStores::DropContexts() {
  return cohorts_.Trim() + contexts_.DropAll();
}

}  // namespace sheaf
