// Which Engine.IO session lives at which endpoint: the sid of a handshake's answer is learnt, and later polls, POSTs
// and the upgrade are sent where it was given out, whichever worker takes them.
//
//   affinity.Learn(sid, endpoint, ping_interval + ping_timeout, now);
//   if (auto endpoint = affinity.Find(sid, now)) ...                       // a poll or a POST
//   auto [endpoint, hold] = affinity.FindForSocket(sid, now);              // a WebSocket, which keeps the hold
//
// One a process, sharded and locked; any thread. Asked once for a request with a sid, never for a message. Nothing
// throws: what there is no memory for is not learnt, and its requests go where those of unknown sids go.
//
// An entry is kept while a Hold on it lives, else for its lifetime after the last use. For least_sessions each session
// counts once at its endpoint: an entry without a Hold counts as one (Endpoint::AddSession); one with a Hold does not,
// since its WebSocket counts itself. Nor does it after the last Hold: the session is most likely over, and should it
// go on by polling, the next poll counts it again.
//
// When the table is full, those with a Hold go first, the one unused for longest at the head: a client whose WebSocket
// stands asks for its sid no more, while one that polls would be cut off. Then those without, in the same order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "pool/endpoint.h"
#include "proxy/base/clock.h"
#include "proxy/base/sip_hash.h"

namespace sheaf::pool {

class AffinityShard;
struct AffinityPin;

class Affinity {
 public:
  // Longer sids are not kept: servers' have 20 to 40 bytes.
  static constexpr size_t kLongestSid = 256;

  // While it lives, so does the entry it came with, unless that is evicted. Ends in any thread, before the Affinity
  // does.
  class Hold {
   public:
    Hold() = default;
    Hold(Hold&& other) noexcept : pin_(std::exchange(other.pin_, nullptr)) {}
    Hold& operator=(Hold&& other) noexcept {
      std::swap(pin_, other.pin_);
      return *this;
    }
    ~Hold() {
      if (pin_) Release();
    }

    explicit operator bool() const { return pin_ != nullptr; }

   private:
    friend class Affinity;
    explicit Hold(AffinityPin* pin) : pin_(pin) {}
    void Release();

    AffinityPin* pin_ = nullptr;
  };

  struct Found {
    std::shared_ptr<Endpoint> endpoint;  // nullptr: unknown, or unused for too long
    Hold hold;                           // empty also where there was no memory for one
  };

  // learnt - evicted - expired = entries.
  struct Figures {
    uint64_t entries = 0;
    uint64_t held = 0;            // ... of them, with a Hold
    uint64_t bytes = 0;           // all that the table takes
    uint64_t learnt_total = 0;    // without those that only moved
    uint64_t evicted_total = 0;   // forgotten for want of room
    uint64_t expired_total = 0;   // forgotten since they were unused for too long
    uint64_t unlearnt_total = 0;  // too long, or no memory for them
    uint64_t unknown_total = 0;   // asked for, and not there
  };

  // `max_bytes`: of all that it takes but the object itself, each allocation with what the allocator adds.
  explicit Affinity(size_t max_bytes = size_t{16} << 20);
  ~Affinity();
  Affinity(const Affinity&) = delete;
  Affinity& operator=(const Affinity&) = delete;

  // `sid`: of a handshake's answer, known to no client before. A known one moves. `lifetime`: after the last use.
  void Learn(std::string_view sid, std::shared_ptr<Endpoint> endpoint, Duration lifetime, TimePoint now);
  // For a poll or a POST: counts as a use. nullptr: unknown, or unused for too long.
  std::shared_ptr<Endpoint> Find(std::string_view sid, TimePoint now);
  // For a WebSocket, which counts itself at the endpoint from here on.
  Found FindForSocket(std::string_view sid, TimePoint now);

  // About once a second: what was unused for too long is forgotten, a bounded number a call. Tells the time, too, by
  // which a Hold ends.
  void Sweep(TimePoint now);

  Figures figures() const;

 private:
  AffinityShard& ShardOf(uint64_t hash) { return *shards_[hash % shards_.size()]; }
  uint64_t HashOf(std::string_view sid) const;

  const SipKey key_;
  // Set at construction.
  std::vector<std::unique_ptr<AffinityShard>> shards_;
};

static_assert(sizeof(Affinity::Hold) == sizeof(void*));

}  // namespace sheaf::pool
