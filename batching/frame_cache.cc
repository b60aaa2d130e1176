#include "batching/frame_cache.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace sheaf::batching {
namespace {

// Scratch memory beyond this is given back when a period ends.
constexpr size_t kMostSpare = 256 * 1024;

size_t Mix(size_t hash, size_t value) {
  constexpr size_t kSpread = 0x9E3779B97F4A7C15;
  return std::rotl((hash ^ value) * kSpread, 29);
}

// The messages count by which objects they are, not by their bytes: the store gives the same bytes the same object.
size_t HashOf(const Encoder& encoder, std::span<const MessageRef> messages) {
  size_t hash = reinterpret_cast<size_t>(&encoder);
  for (const MessageRef& message : messages) hash = Mix(hash, reinterpret_cast<size_t>(message.get()));
  return hash;
}

}  // namespace

struct FrameCache::Place {
  size_t hash = 0;
  uint64_t asked = 0;  // asks_ when it was last asked for
  size_t bytes = 0;    // that it takes
  const Encoder* encoder = nullptr;
  std::vector<MessageRef> messages;  // which so live on: no other message can have their addresses
  MessageRef frame;                  // none: the place is empty
};

FrameCache::FrameCache(MessageStore& store, WorkerMetrics& metrics) : store_(store), metrics_(metrics) {}

FrameCache::~FrameCache() = default;

MessageRef FrameCache::Get(const Encoder& encoder, std::span<const MessageRef> messages) {
  if (places_.empty()) places_.resize(kSets * kWays);
  ++asks_;
  const size_t hash = HashOf(encoder, messages);
  const std::span<Place> set = std::span(places_).subspan(hash % kSets * kWays, kWays);
  if (Place* place = Find(set, hash, encoder, messages)) {
    metrics_.encodings_shared_total.Add();
    place->asked = asks_;
    store_.MarkShared(*place->frame);
    return place->frame;
  }
  MessageRef frame = Make(encoder, messages);
  metrics_.encodings_total.Add();
  Place& oldest =
      *std::min_element(set.begin(), set.end(), [](const Place& a, const Place& b) { return a.asked < b.asked; });
  Keep(oldest, hash, encoder, messages, frame);
  return frame;
}

FrameCache::Place* FrameCache::Find(std::span<Place> set, size_t hash, const Encoder& encoder,
                                    std::span<const MessageRef> messages) {
  for (Place& place : set) {
    if (place.frame && place.hash == hash && place.encoder == &encoder &&
        std::equal(place.messages.begin(), place.messages.end(), messages.begin(), messages.end())) {
      return &place;
    }
  }
  return nullptr;
}

MessageRef FrameCache::Make(const Encoder& encoder, std::span<const MessageRef> messages) {
  encoded_.clear();
  const wire::Opcode opcode = encoder.Encode(messages, encoded_);
  return store_.Make(opcode, encoded_);
}

void FrameCache::Keep(Place& place, size_t hash, const Encoder& encoder, std::span<const MessageRef> messages,
                      const MessageRef& frame) {
  size_t bytes = frame->size();
  for (const MessageRef& message : messages) bytes += message->size();
  if (bytes > kMaxBytes / 4) return;
  Forget(place);
  MakeRoom(bytes);
  place.messages.assign(messages.begin(), messages.end());
  place.hash = hash;
  place.asked = asks_;
  place.bytes = bytes;
  place.encoder = &encoder;
  place.frame = frame;
  ++frames_;
  bytes_ += bytes;
}

void FrameCache::Forget(Place& place) {
  if (!place.frame) return;
  --frames_;
  bytes_ -= place.bytes;
  place = Place();
}

// Takes the places in turn, so that finding victims costs little; the worst is that a frame is made a second time.
void FrameCache::MakeRoom(size_t size) {
  while (bytes_ + size > kMaxBytes) {
    Forget(places_[next_victim_]);
    next_victim_ = (next_victim_ + 1) % places_.size();
  }
}

void FrameCache::Expire() {
  const uint64_t limit = std::exchange(asks_at_expire_, asks_);
  if (frames_ > 0) {
    for (Place& place : places_) {
      if (place.asked <= limit) Forget(place);
    }
  }
  if (encoded_.capacity() > kMostSpare) encoded_ = std::string();
}

size_t FrameCache::Trim() {
  const size_t freed = bytes_ + encoded_.capacity();
  for (Place& place : places_) Forget(place);
  encoded_ = std::string();
  return freed;
}

}  // namespace sheaf::batching
