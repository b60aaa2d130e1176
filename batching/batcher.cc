#include "batching/batcher.h"

#include <functional>
#include <iterator>
#include <utility>

namespace sheaf::batching {

namespace {

// Of the conflation key, so that a queue of other keys is passed over quickly.
uint32_t KeyHash(const Message& message, const MessageFacts& facts) {
  if (!facts.replaceable) return 0;
  return static_cast<uint32_t>(std::hash<std::string_view>()(message.text().substr(facts.key_offset, facts.key_size)));
}

}  // namespace

void Queue::Push(const MessageRef& message, const MessageFacts& facts, TimePoint now) {
  // The tag first: where memory fails between the two, no message is without one.
  tags_.push_back({.came = now,
                   .scope_size = facts.scope_size,
                   .key_offset = facts.key_offset,
                   .key_size = facts.key_size,
                   .key_hash = KeyHash(*message, facts),
                   .conflate_rule = facts.conflate_rule,
                   .replaceable = facts.replaceable,
                   .carriable = facts.carriable,
                   .look_alike = facts.look_alike});
  messages_.push_back(message);
}

Queue::Removed Queue::RemoveSameKey(const Message& message, const MessageFacts& facts) {
  Removed removed;
  const uint32_t hash = KeyHash(message, facts);
  for (size_t i = first_; i < messages_.size(); ++i) {
    if (!messages_[i] || !HasKey(i, hash, message, facts)) continue;
    ++removed.messages;
    removed.bytes += messages_[i]->size();
    RemoveAt(i);
  }
  // A stalled client's queue would otherwise grow with what was replaced.
  if (empty_ > messages_.size() / 2) Compact();
  return removed;
}

bool Queue::HasKey(size_t i, uint32_t hash, const Message& message, const MessageFacts& facts) const {
  const Tag& tag = tags_[i];
  if (tag.key_hash != hash || !tag.replaceable || tag.conflate_rule != facts.conflate_rule) return false;
  const std::string_view older = messages_[i]->text();
  const std::string_view newer = message.text();
  return older.substr(tag.key_offset, tag.key_size) == newer.substr(facts.key_offset, facts.key_size) &&
         older.substr(0, tag.scope_size) == newer.substr(0, facts.scope_size);
}

void Queue::RemoveAt(size_t i) {
  messages_[i] = {};
  ++empty_;
  while (first_ < messages_.size() && !messages_[first_]) ++first_;
}

void Queue::Compact() {
  if (empty_ == 0) return;
  size_t end = 0;
  for (size_t i = first_; i < messages_.size(); ++i) {
    if (!messages_[i]) continue;
    messages_[end] = std::move(messages_[i]);
    tags_[end++] = tags_[i];
  }
  messages_.resize(end);
  tags_.resize(end);
  first_ = empty_ = 0;
}

void Queue::Clear() {
  messages_.clear();
  tags_.clear();
  first_ = empty_ = 0;
}

size_t Queue::GiveRest(size_t keep, Queue& rest) {
  size_t bytes = 0;
  const auto begin = static_cast<ptrdiff_t>(keep);
  for (auto one = messages_.begin() + begin; one != messages_.end(); ++one) bytes += (*one)->size();
  rest.tags_.assign(tags_.begin() + begin, tags_.end());
  rest.messages_.assign(std::make_move_iterator(messages_.begin() + begin), std::make_move_iterator(messages_.end()));
  messages_.resize(keep);
  tags_.resize(keep);
  return bytes;
}

size_t Queue::CountWithin(uint64_t messages, uint64_t bytes, bool attachments) const {
  const bool any = messages > 0 && bytes > 0;
  size_t count = 0;
  for (uint64_t before = 0; count < messages_.size(); before += messages_[count++]->size()) {
    const bool within = count < messages && before < bytes;
    const bool follows = (any && tags_[count].replaceable) || (attachments && !messages_[count]->is_text());
    if (!within && !follows) break;
  }
  return count;
}

size_t Queue::FrameSize(size_t begin, const Encoder& encoder, const BatchLimits& limits) const {
  if (!tags_[begin].carriable) return 1;
  size_t bytes = messages_[begin]->size();
  size_t end = begin + 1;
  while (end < messages_.size() && end - begin < limits.size && tags_[end].carriable &&
         bytes + messages_[end]->size() <= limits.max_bytes && encoder.MayShare(*messages_[begin], *messages_[end])) {
    bytes += messages_[end++]->size();
  }
  return end - begin;
}

std::unique_ptr<Queue> QueuePool::Take() {
  if (spare_.empty()) return std::make_unique<Queue>();
  std::unique_ptr<Queue> queue = std::move(spare_.back());
  spare_.pop_back();
  return queue;
}

void QueuePool::Give(std::unique_ptr<Queue> queue) {
  if (spare_.size() == kMostSpare || queue->capacity() > kMostCapacity) return;
  queue->Clear();
  spare_.push_back(std::move(queue));
}

size_t QueuePool::Trim() {
  size_t bytes = 0;
  for (const std::unique_ptr<Queue>& queue : spare_) bytes += queue->memory();
  std::vector<std::unique_ptr<Queue>>().swap(spare_);
  return bytes;
}

Batcher::Verdict Batcher::Add(const MessageRef& message, const MessageFacts& facts, bool conflate,
                              const BatchLimits& limits, TimePoint now) {
  using When = Verdict::When;
  if (!queue_) {
    static_assert(sizeof(Batcher) <= 64, "an idle session's budget");
    queue_ = pool_.Take();
  }
  const bool first = empty();
  if (first) oldest_ = now;
  Verdict verdict;
  if (conflate && facts.replaceable) verdict.replaced = queue_->RemoveSameKey(*message, facts);
  queue_->Push(message, facts, now);
  messages_ = messages_ + 1 - verdict.replaced.messages;
  bytes_ = bytes_ + message->size() - verdict.replaced.bytes;

  verdict.due = window_.OnMessage(now, limits.window());
  verdict.when = When::kNow;
  if (facts.critical) {
    verdict.reason = FlushReason::kCritical;
  } else if (!facts.carriable) {
    verdict.reason = FlushReason::kAlone;
  } else if (messages_ >= limits.size) {
    verdict.reason = FlushReason::kSize;
  } else if (bytes_ >= limits.max_bytes) {
    verdict.reason = FlushReason::kBytes;
  } else if (verdict.due <= now) {
    verdict.reason = FlushReason::kAtOnce;
  } else {
    verdict.when = first ? When::kAt : When::kWaiting;
  }
  return verdict;
}

std::unique_ptr<Queue> Batcher::TakeOldest(size_t most) {
  std::unique_ptr<Queue> queue = std::move(queue_);
  queue->Compact();
  const size_t rest = messages_ - std::min(most, messages_);
  messages_ = bytes_ = 0;
  if (rest == 0) return queue;
  queue_ = pool_.Take();
  bytes_ = queue->GiveRest(most, *queue_);
  messages_ = rest;
  oldest_ = queue_->came();
  return queue;
}

Queue::Removed Batcher::RemoveSameKey(const Message& message, const MessageFacts& facts) {
  if (!queue_) return {};
  const Queue::Removed removed = queue_->RemoveSameKey(message, facts);
  messages_ -= removed.messages;
  bytes_ -= removed.bytes;
  return removed;
}

void Batcher::Clear() {
  if (queue_) pool_.Give(std::move(queue_));
  messages_ = bytes_ = 0;
}

}  // namespace sheaf::batching
