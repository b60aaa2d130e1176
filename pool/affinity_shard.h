// One lock's share of pool/affinity: a hash table whose entries also stand in the order of their last use. For
// pool/affinity.cc only. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>

#include "pool/affinity.h"
#include "proxy/base/list.h"

namespace sheaf::pool {

class AffinityShard;

// One sid, whose bytes stand behind the entry in the same allocation.
struct AffinityEntry {
  AffinityEntry* next = nullptr;  // in its bucket
  ListHook place;                 // in polled_ or held_
  std::shared_ptr<Endpoint> endpoint;
  TimePoint used{};
  AffinityPin* pin = nullptr;  // while a Hold lives
  uint32_t lifetime_ms = 0;
  uint16_t sid_size = 0;
  bool counted = false;  // as a session of the endpoint

  std::string_view sid() const { return {reinterpret_cast<const char*>(this + 1), sid_size}; }
  Duration lifetime() const { return std::chrono::milliseconds(lifetime_ms); }
};
static_assert(sizeof(AffinityEntry) == 64);

// What the Holds on one entry share. An entry that is evicted is freed at once; the pin alone stays until the last
// Hold.
struct AffinityPin {
  AffinityShard& shard;
  AffinityEntry* entry = nullptr;  // nullptr: evicted
  uint32_t holds = 0;
};

class alignas(64) AffinityShard {
 public:
  AffinityShard(const SipKey& key, size_t max_bytes);
  ~AffinityShard();
  AffinityShard(const AffinityShard&) = delete;
  AffinityShard& operator=(const AffinityShard&) = delete;

  // As Affinity's. `hash`: of the sid.
  void Learn(uint64_t hash, std::string_view sid, std::shared_ptr<Endpoint> endpoint, Duration lifetime, TimePoint now);
  std::shared_ptr<Endpoint> Find(uint64_t hash, std::string_view sid, TimePoint now);
  std::shared_ptr<Endpoint> FindAndPin(uint64_t hash, std::string_view sid, TimePoint now, AffinityPin*& pin);
  // One Hold less.
  void Unpin(AffinityPin& pin);
  void Sweep(TimePoint now);
  void AddTo(Affinity::Figures& sum) const;

 private:
  using Entries = List<AffinityEntry, &AffinityEntry::place>;

  Entries& ListOf(const AffinityEntry& entry) { return entry.pin ? held_ : polled_; }
  bool IsOver(const AffinityEntry& entry) const { return !entry.pin && now_ - entry.used >= entry.lifetime(); }
  void Touch(AffinityEntry& entry);
  static void Count(AffinityEntry& entry, bool counted);

  AffinityEntry*& BucketOf(uint64_t hash) { return buckets_[hash >> 32 & (bucket_count_ - 1)]; }
  AffinityEntry* Lookup(uint64_t hash, std::string_view sid);
  // The same by a client: a use, or counted as unknown.
  AffinityEntry* Use(uint64_t hash, std::string_view sid, TimePoint now);
  // nullptr: no memory, or none within max_bytes_.
  AffinityEntry* Make(uint64_t hash, std::string_view sid);
  AffinityPin* MakePin(AffinityEntry& entry);
  bool HasBuckets();

  // Whether so many bytes more are within max_bytes_, after evictions if need be; never of `spared`.
  bool MakeRoom(size_t bytes, const AffinityEntry* spared);
  AffinityEntry* FindVictim(const AffinityEntry* spared);
  // Frees the entry and counts it in `counter`.
  void Forget(AffinityEntry& entry, uint64_t& counter);

  // Set at construction.
  const SipKey& key_;
  const size_t max_bytes_;
  const size_t bucket_count_;

  // Protected by mutex_.
  mutable std::mutex mutex_;
  std::unique_ptr<AffinityEntry*[]> buckets_;  // from the first sid on
  Entries polled_;                             // without a Hold; the front is unused for longest
  Entries held_;                               // with one
  TimePoint now_{};                            // the latest that anybody has told: never goes back
  Duration shortest_lifetime_ = Duration::max();
  Affinity::Figures figures_;  // without entries and held
};

}  // namespace sheaf::pool
