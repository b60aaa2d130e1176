#include "proxy/outbox/stores.h"

#include <utility>

#include "proxy/plan/negotiation.h"

namespace sheaf {

OutboxStores::OutboxStores(const Options::Deflate& options, WorkerMetrics& metrics)
    : frames_(DeflateSettingsFrom(options), options.threshold, metrics), contexts_(metrics) {}

void OutboxStores::Adopt(const Options::Deflate& options) {
  frames_.Adopt(DeflateSettingsFrom(options), options.threshold);
}

std::vector<uint8_t> OutboxStores::TakeBuffer() {
  if (spare_buffers_.empty()) return {};
  std::vector<uint8_t> buffer = std::move(spare_buffers_.back());
  spare_buffers_.pop_back();
  return buffer;
}

void OutboxStores::GiveBuffer(std::vector<uint8_t> buffer) {
  if (spare_buffers_.size() == kMostSpareBuffers || buffer.capacity() > kMostSpareBytes) return;
  buffer.clear();
  spare_buffers_.push_back(std::move(buffer));
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
  contexts_.SetBound(context_bound);
  contexts_.Expire(now);
  if (scratch_.capacity() > kMostScratch) scratch_ = std::string();
}

uint64_t OutboxStores::Free() {
  uint64_t freed = messages_.Trim() + queues_.Trim() + frames_.Trim() + scratch_.capacity();
  for (const std::vector<uint8_t>& buffer : spare_buffers_) freed += buffer.capacity();
  std::vector<std::vector<uint8_t>>().swap(spare_buffers_);
  scratch_ = std::string();
  return freed;
}

}  // namespace sheaf
