#include "pool/affinity.h"

#include <algorithm>

#include "pool/affinity_shard.h"

namespace sheaf::pool {
namespace {

// Enough that workers hardly ever meet at one lock; of a small table fewer, so that "least recently used" means
// something.
constexpr size_t kMostShards = 16;
constexpr size_t kSmallestShard = size_t{256} << 10;

}  // namespace

Affinity::Affinity(size_t max_bytes) : key_(SipKey::Random()) {
  const size_t count = std::clamp<size_t>(max_bytes / kSmallestShard, 1, kMostShards);
  for (size_t i = 0; i < count; ++i) shards_.push_back(std::make_unique<AffinityShard>(key_, max_bytes / count));
}

Affinity::~Affinity() = default;

// Of a sid that is too long to be kept a part will do: there is none like it.
uint64_t Affinity::HashOf(std::string_view sid) const {
  return SipHash(key_, sid.substr(0, kLongestSid));
}

void Affinity::Learn(std::string_view sid, std::shared_ptr<Endpoint> endpoint, Duration lifetime, TimePoint now) {
  const uint64_t hash = HashOf(sid);
  ShardOf(hash).Learn(hash, sid, std::move(endpoint), lifetime, now);
}

std::shared_ptr<Endpoint> Affinity::Find(std::string_view sid, TimePoint now) {
  const uint64_t hash = HashOf(sid);
  return ShardOf(hash).Find(hash, sid, now);
}

Affinity::Found Affinity::FindForSocket(std::string_view sid, TimePoint now) {
  const uint64_t hash = HashOf(sid);
  AffinityPin* pin = nullptr;
  std::shared_ptr<Endpoint> endpoint = ShardOf(hash).FindAndPin(hash, sid, now, pin);
  return {std::move(endpoint), Hold(pin)};
}

void Affinity::Sweep(TimePoint now) {
  for (const auto& shard : shards_) shard->Sweep(now);
}

Affinity::Figures Affinity::figures() const {
  Figures sum;
  for (const auto& shard : shards_) shard->AddTo(sum);
  return sum;
}

void Affinity::Hold::Release() {
  pin_->shard.Unpin(*pin_);
}

}  // namespace sheaf::pool
