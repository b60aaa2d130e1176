#include "proxy/outbox/context_store.h"

namespace sheaf {

OwnContext::OwnContext(ContextStore& store, std::unique_ptr<OwnContext>& place, uint8_t window_bits)
    : store_(store),
      place_(place),
      bytes_(store.BytesOf(window_bits)),
      used_(store.second_),
      compressor_(std::min(window_bits, kWindowBits), true, store.effort()) {
  store_.Add(*this);
}

OwnContext::~OwnContext() {
  store_.Remove(*this);
}

MessageCompressor& OwnContext::Use() {
  if (used_ != store_.second_) {
    used_ = store_.second_;
    store_.contexts_.Remove(*this);
    store_.contexts_.PushBack(*this);
  }
  return compressor_;
}

void ContextStore::Make(std::unique_ptr<OwnContext>& place, uint8_t window_bits) {
  if (bytes_ + BytesOf(window_bits) > bound_) return metrics_.deflate_contexts_refused_total.Add();
  place = std::make_unique<OwnContext>(*this, place, window_bits);
}

void ContextStore::Add(OwnContext& context) {
  contexts_.PushBack(context);
  bytes_ += context.bytes_;
  metrics_.deflate_contexts.Add();
  metrics_.deflate_context_bytes.Add(static_cast<int64_t>(context.bytes_));
}

void ContextStore::Remove(OwnContext& context) {
  contexts_.Remove(context);
  bytes_ -= context.bytes_;
  metrics_.deflate_contexts.Sub();
  metrics_.deflate_context_bytes.Sub(static_cast<int64_t>(context.bytes_));
}

void ContextStore::Expire(TimePoint now) {
  constexpr auto kSeconds = static_cast<uint32_t>(std::chrono::duration_cast<std::chrono::seconds>(kUnused).count());
  second_ = static_cast<uint32_t>(std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count());
  while (!contexts_.empty() && second_ - contexts_.front().used_ > kSeconds) {
    OwnContext& oldest = contexts_.front();
    if (oldest.amid_message) {
      oldest.Use();
    } else {
      oldest.place_.reset();
    }
  }
}

size_t ContextStore::DropAll() {
  const size_t before = bytes_;
  for (size_t left = contexts_.size(); left > 0; --left) {
    OwnContext& oldest = contexts_.PopFront();
    contexts_.PushBack(oldest);
    if (!oldest.amid_message) oldest.place_.reset();
  }
  return before - bytes_;
}

}  // namespace sheaf
