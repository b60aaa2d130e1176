#include "pool/affinity_shard.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>
#include <new>

namespace sheaf::pool {
namespace {

// Forgetting takes less than a microsecond: a sweep holds the lock for well under one millisecond.
constexpr int kMostLookedAtInSweep = 512;
// A whole day: longer ones are a mistake of the backend's, and their milliseconds would not fit.
constexpr Duration kLongestLifetime = std::chrono::hours(24);
constexpr Duration kShortestLifetime = std::chrono::milliseconds(1);

// What an allocation takes: malloc's header, in steps of 16.
constexpr size_t Allocated(size_t bytes) {
  return (bytes + 8 + 15) / 16 * 16;
}
constexpr size_t BytesOf(size_t sid_size) {
  return Allocated(sizeof(AffinityEntry) + sid_size);
}
constexpr size_t BytesOfTable(size_t buckets) {
  return Allocated(buckets * sizeof(void*));
}
constexpr size_t kPinBytes = Allocated(sizeof(AffinityPin));

// One for about each entry of a full table: with a sid of 20 bytes an entry takes 96.
size_t BucketCount(size_t max_bytes) {
  return std::bit_floor(std::max<size_t>(max_bytes / 128, 1));
}

}  // namespace

AffinityShard::AffinityShard(const SipKey& key, size_t max_bytes)
    : key_(key), max_bytes_(max_bytes), bucket_count_(BucketCount(max_bytes)) {}

AffinityShard::~AffinityShard() {
  assert(held_.empty());
  uint64_t uncounted = 0;
  while (!polled_.empty()) Forget(polled_.front(), uncounted);
  assert(figures_.bytes == (buckets_ ? BytesOfTable(bucket_count_) : 0));  // no pin is left
}

void AffinityShard::Learn(uint64_t hash, std::string_view sid, std::shared_ptr<Endpoint> endpoint, Duration lifetime,
                          TimePoint now) {
  const std::lock_guard lock(mutex_);
  now_ = std::max(now_, now);
  AffinityEntry* entry = HasBuckets() ? Lookup(hash, sid) : nullptr;
  if (!entry) entry = Make(hash, sid);
  if (!entry) {
    ++figures_.unlearnt_total;
    return;
  }
  lifetime = std::clamp(lifetime, kShortestLifetime, kLongestLifetime);
  shortest_lifetime_ = std::min(shortest_lifetime_, lifetime);
  entry->lifetime_ms = static_cast<uint32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(lifetime).count());
  Count(*entry, false);
  entry->endpoint = std::move(endpoint);
  Touch(*entry);
  Count(*entry, !entry->pin);
}

std::shared_ptr<Endpoint> AffinityShard::Find(uint64_t hash, std::string_view sid, TimePoint now) {
  const std::lock_guard lock(mutex_);
  AffinityEntry* const entry = Use(hash, sid, now);
  if (!entry) return nullptr;
  Count(*entry, !entry->pin);
  return entry->endpoint;
}

AffinityEntry* AffinityShard::Use(uint64_t hash, std::string_view sid, TimePoint now) {
  now_ = std::max(now_, now);
  AffinityEntry* const entry = Lookup(hash, sid);
  if (entry) {
    Touch(*entry);
  } else {
    ++figures_.unknown_total;
  }
  return entry;
}

std::shared_ptr<Endpoint> AffinityShard::FindAndPin(uint64_t hash, std::string_view sid, TimePoint now,
                                                    AffinityPin*& pin) {
  const std::lock_guard lock(mutex_);
  AffinityEntry* const entry = Use(hash, sid, now);
  if (!entry) return nullptr;
  Count(*entry, false);
  pin = entry->pin ? entry->pin : MakePin(*entry);
  if (pin) ++pin->holds;
  return entry->endpoint;
}

void AffinityShard::Unpin(AffinityPin& pin) {
  const std::lock_guard lock(mutex_);
  if (--pin.holds > 0) return;
  if (AffinityEntry* entry = pin.entry) {
    held_.Remove(*entry);
    entry->pin = nullptr;
    entry->used = now_;
    polled_.PushBack(*entry);
  }
  delete &pin;
  figures_.bytes -= kPinBytes;
}

// The shortest of all lifetimes ends the walk: what stands behind was used later.
void AffinityShard::Sweep(TimePoint now) {
  const std::lock_guard lock(mutex_);
  now_ = std::max(now_, now);
  int left = kMostLookedAtInSweep;
  polled_.ForEachWhile([&](AffinityEntry& entry) {
    if (left-- == 0 || now_ - entry.used < shortest_lifetime_) return false;
    if (IsOver(entry)) Forget(entry, figures_.expired_total);
    return true;
  });
}

void AffinityShard::AddTo(Affinity::Figures& sum) const {
  const std::lock_guard lock(mutex_);
  sum.entries += polled_.size() + held_.size();
  sum.held += held_.size();
  sum.bytes += figures_.bytes;
  sum.learnt_total += figures_.learnt_total;
  sum.evicted_total += figures_.evicted_total;
  sum.expired_total += figures_.expired_total;
  sum.unlearnt_total += figures_.unlearnt_total;
  sum.unknown_total += figures_.unknown_total;
}

void AffinityShard::Touch(AffinityEntry& entry) {
  entry.used = now_;
  ListOf(entry).Remove(entry);
  ListOf(entry).PushBack(entry);
}

void AffinityShard::Count(AffinityEntry& entry, bool counted) {
  if (entry.counted == counted) return;
  entry.counted = counted;
  if (counted) {
    entry.endpoint->AddSession();
  } else {
    entry.endpoint->EndSession();
  }
}

AffinityEntry* AffinityShard::Lookup(uint64_t hash, std::string_view sid) {
  if (!buckets_) return nullptr;
  AffinityEntry* entry = BucketOf(hash);
  while (entry && entry->sid() != sid) entry = entry->next;
  if (!entry || !IsOver(*entry)) return entry;
  Forget(*entry, figures_.expired_total);
  return nullptr;
}

AffinityEntry* AffinityShard::Make(uint64_t hash, std::string_view sid) {
  const size_t bytes = BytesOf(sid.size());
  if (sid.empty() || sid.size() > Affinity::kLongestSid || !buckets_ || !MakeRoom(bytes, nullptr)) return nullptr;
  void* memory = ::operator new(sizeof(AffinityEntry) + sid.size(), std::nothrow);
  if (!memory) return nullptr;
  auto* entry = new (memory) AffinityEntry;
  std::memcpy(static_cast<char*>(memory) + sizeof(AffinityEntry), sid.data(), sid.size());
  entry->sid_size = static_cast<uint16_t>(sid.size());
  entry->next = BucketOf(hash);
  BucketOf(hash) = entry;
  polled_.PushBack(*entry);
  figures_.bytes += bytes;
  ++figures_.learnt_total;
  return entry;
}

AffinityPin* AffinityShard::MakePin(AffinityEntry& entry) {
  if (!MakeRoom(kPinBytes, &entry)) return nullptr;
  auto* pin = new (std::nothrow) AffinityPin{*this, &entry};
  if (!pin) return nullptr;
  polled_.Remove(entry);
  entry.pin = pin;
  held_.PushBack(entry);
  figures_.bytes += kPinBytes;
  return pin;
}

bool AffinityShard::HasBuckets() {
  if (buckets_) return true;
  buckets_.reset(new (std::nothrow) AffinityEntry*[bucket_count_]());
  if (buckets_) figures_.bytes += BytesOfTable(bucket_count_);
  return buckets_ != nullptr;
}

bool AffinityShard::MakeRoom(size_t bytes, const AffinityEntry* spared) {
  while (figures_.bytes + bytes > max_bytes_) {
    AffinityEntry* victim = FindVictim(spared);
    if (!victim) return false;
    Forget(*victim, IsOver(*victim) ? figures_.expired_total : figures_.evicted_total);
  }
  return true;
}

AffinityEntry* AffinityShard::FindVictim(const AffinityEntry* spared) {
  AffinityEntry* polled = polled_.empty() || &polled_.front() == spared ? nullptr : &polled_.front();
  if (held_.empty() || (polled && IsOver(*polled))) return polled;
  return &held_.front();
}

void AffinityShard::Forget(AffinityEntry& entry, uint64_t& counter) {
  AffinityEntry** link = &BucketOf(SipHash(key_, entry.sid()));
  while (*link != &entry) link = &(*link)->next;
  *link = entry.next;
  ListOf(entry).Remove(entry);
  Count(entry, false);
  if (entry.pin) entry.pin->entry = nullptr;
  figures_.bytes -= BytesOf(entry.sid_size);
  entry.~AffinityEntry();
  ::operator delete(&entry);
  ++counter;
}

}  // namespace sheaf::pool
