#include "batching/frame_cache.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "proxy/base/bytes.h"
#include "proxy/wire/ws_frame.h"

namespace sheaf::batching {
namespace {

// Scratch memory beyond this is given back when a period ends.
constexpr size_t kMostSpare = 256 * 1024;

size_t Mix(size_t hash, size_t value) {
  constexpr size_t kSpread = 0x9E3779B97F4A7C15;
  return std::rotl((hash ^ value) * kSpread, 29);
}

// The messages count by which objects they are, not by their bytes: the store gives the same bytes the same object.
size_t HashOf(const FrameRecipe& recipe, std::span<const MessageRef> messages) {
  size_t hash = Mix(reinterpret_cast<size_t>(recipe.encoder), recipe.window_bits);
  for (const MessageRef& message : messages) hash = Mix(hash, reinterpret_cast<size_t>(message.get()));
  return hash;
}

void TrimScratch(std::string& scratch) {
  if (scratch.capacity() > kMostSpare) scratch = std::string();
}

}  // namespace

struct FrameCache::Place {
  size_t hash = 0;
  uint64_t asked = 0;  // asks_ when it was last asked for
  size_t bytes = 0;    // that it takes; 0: the place is empty
  FrameRecipe recipe;
  std::vector<MessageRef> messages;  // which so live on: no other message can have their addresses
  CachedFrame frame;
};

FrameCache::FrameCache(const wire::DeflateSettings& settings, uint64_t threshold, WorkerMetrics& metrics)
    : settings_(settings), threshold_(threshold), metrics_(metrics) {}

FrameCache::~FrameCache() = default;

const CachedFrame& FrameCache::Get(const FrameRecipe& recipe, std::span<const MessageRef> messages) {
  if (places_.empty()) places_.resize(kSets * kWays);
  ++asks_;
  const size_t hash = HashOf(recipe, messages);
  const std::span<Place> set = std::span(places_).subspan(hash % kSets * kWays, kWays);
  if (Place* place = Find(set, hash, recipe, messages)) {
    metrics_.encodings_shared_total.Add();
    place->asked = asks_;
    return place->frame;
  }
  Make(recipe, messages);
  metrics_.encodings_total.Add();
  Place& oldest =
      *std::min_element(set.begin(), set.end(), [](const Place& a, const Place& b) { return a.asked < b.asked; });
  return Keep(oldest, hash, recipe, messages);
}

FrameCache::Place* FrameCache::Find(std::span<Place> set, size_t hash, const FrameRecipe& recipe,
                                    std::span<const MessageRef> messages) {
  for (Place& place : set) {
    if (place.bytes > 0 && place.hash == hash && place.recipe == recipe &&
        std::equal(place.messages.begin(), place.messages.end(), messages.begin(), messages.end())) {
      return &place;
    }
  }
  return nullptr;
}

const CachedFrame& FrameCache::Keep(Place& place, size_t hash, const FrameRecipe& recipe,
                                    std::span<const MessageRef> messages) {
  size_t bytes = single_use_.bytes.size();
  for (const MessageRef& message : messages) bytes += message->size();
  if (bytes > kMaxBytes / 4) return single_use_;
  Forget(place);
  MakeRoom(bytes);
  place.hash = hash;
  place.asked = asks_;
  place.bytes = bytes;
  place.recipe = recipe;
  place.messages.assign(messages.begin(), messages.end());
  // A copy: the scratch keeps its memory for the next frame, and the place takes no more than it needs.
  place.frame = single_use_;
  ++frames_;
  bytes_ += bytes;
  return place.frame;
}

void FrameCache::Forget(Place& place) {
  if (place.bytes == 0) return;
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

// Into single_use_.
void FrameCache::Make(const FrameRecipe& recipe, std::span<const MessageRef> messages) {
  CachedFrame& frame = single_use_;
  std::string_view payload = messages[0]->text();
  frame.opcode = messages[0]->opcode();
  if (recipe.encoder != nullptr) {
    encoded_.clear();
    frame.opcode = recipe.encoder->Encode(messages, encoded_);
    payload = encoded_;
  }
  const bool is_compressed =
      recipe.window_bits != 0 && payload.size() >= threshold_ && Compress(recipe.window_bits, payload);
  if (is_compressed) payload = compressed_;
  frame.bytes.clear();
  wire::AppendFrameHeader(frame.bytes, frame.opcode, true, payload.size(), nullptr, is_compressed);
  frame.header_size = frame.bytes.size();
  frame.bytes += payload;
}

// Into compressed_. False when it gains nothing or memory cannot be had: the frame goes as it is.
bool FrameCache::Compress(uint8_t window_bits, std::string_view payload) {
  std::unique_ptr<wire::Deflater>& deflater = deflaters_[window_bits];
  if (!deflater) deflater = std::make_unique<wire::Deflater>(window_bits, settings_.level, settings_.memory_level);
  compressed_.clear();
  if (!deflater->Compress(AsBytes(payload), true, compressed_)) {
    deflater.reset();
    return false;
  }
  deflater->Reset();
  if (compressed_.size() >= payload.size()) return false;
  metrics_.deflate_messages_total.Add();
  metrics_.deflate_input_bytes_total.Add(payload.size());
  metrics_.deflate_output_bytes_total.Add(compressed_.size());
  return true;
}

void FrameCache::Expire() {
  const uint64_t limit = std::exchange(asks_at_expire_, asks_);
  if (frames_ > 0) {
    for (Place& place : places_) {
      if (place.asked <= limit) Forget(place);
    }
  }
  TrimScratch(encoded_);
  TrimScratch(compressed_);
  TrimScratch(single_use_.bytes);
}

void FrameCache::Adopt(const wire::DeflateSettings& settings, uint64_t threshold) {
  if (settings == settings_ && threshold == threshold_) return;
  Trim();
  settings_ = settings;
  threshold_ = threshold;
}

size_t FrameCache::Trim() {
  size_t freed = bytes_ + encoded_.capacity() + compressed_.capacity() + single_use_.bytes.capacity();
  for (Place& place : places_) Forget(place);
  for (size_t bits = 0; bits < std::size(deflaters_); ++bits) {
    if (std::exchange(deflaters_[bits], nullptr)) {
      freed += wire::DeflaterBytes(static_cast<uint8_t>(bits), settings_.memory_level);
    }
  }
  encoded_ = std::string();
  compressed_ = std::string();
  single_use_ = CachedFrame();
  return freed;
}

}  // namespace sheaf::batching
