// The readings of the last hours, one a look, and what went through meanwhile, in a ring.
//
// Written by the memory watcher's thread, read by the admin thread: every method locks.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "memwatch/memory_reading.h"
#include "memwatch/traffic.h"
#include "proxy/base/pressure.h"

namespace sheaf::memwatch {

struct MemorySample {
  std::chrono::system_clock::time_point at;
  MemoryReading reading;
  PressureLevel level = PressureLevel::kNormal;
  Traffic traffic{};
};

// Of the samples that are kept; zeros without any.
struct MemorySummary {
  size_t samples = 0;
  std::chrono::milliseconds window{0};  // from the first of them to the last
  double average_rss = 0;               // bytes
  uint64_t peak_rss = 0;
  double average_percent = 0;  // of the limit
  double peak_percent = 0;
  double average_sessions = 0;
  uint32_t peak_sessions = 0;
  double average_active_connections = 0;
};

class MemoryHistory {
 public:
  static constexpr size_t kMost = 20'000;  // samples; 104 bytes each

  // Keeps `length` of samples that come every `interval`, but no more than kMost. Takes all of its memory now: it must
  // not look like a leak later.
  MemoryHistory(std::chrono::milliseconds length, std::chrono::milliseconds interval);

  // For other times. Keeps the newest of what there is.
  void Resize(std::chrono::milliseconds length, std::chrono::milliseconds interval);

  void Add(const MemorySample& sample);
  // nullopt: there is none yet.
  std::optional<MemorySample> Latest() const;
  // The samples from `since` on, oldest first. Times are kept to the millisecond, sizes to the KiB.
  std::vector<MemorySample> Since(std::chrono::system_clock::time_point since) const;
  MemorySummary Summary() const;

 private:
  struct Packed {
    int64_t at_ms;
    uint32_t used_kib;
    uint32_t limit_kib;
    uint32_t rss_kib;
    uint32_t vms_kib;
    uint32_t sockets_kib;
    Traffic traffic;
    PressureLevel level;
    MemorySource source;
  };
  static_assert(sizeof(Packed) == 104);

  static Packed Pack(const MemorySample& sample);
  static MemorySample Unpack(const Packed& packed);
  // The i-th of count_, the oldest first.
  const Packed& At(size_t i) const { return ring_[(next_ + ring_.size() - count_ + i) % ring_.size()]; }

  mutable std::mutex mutex_;
  std::vector<Packed> ring_;
  size_t next_ = 0;  // the place of the next sample
  size_t count_ = 0;
};

}  // namespace sheaf::memwatch
