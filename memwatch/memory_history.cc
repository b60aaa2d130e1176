#include "memwatch/memory_history.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace sheaf::memwatch {
namespace {

size_t Capacity(std::chrono::milliseconds length, std::chrono::milliseconds interval) {
  const auto samples = static_cast<size_t>(length / std::max(interval, std::chrono::milliseconds(1)));
  return std::clamp<size_t>(samples, 1, MemoryHistory::kMost);
}

uint32_t Kibibytes(uint64_t bytes) {
  return static_cast<uint32_t>(std::min<uint64_t>(bytes / 1024, std::numeric_limits<uint32_t>::max()));
}

uint64_t Bytes(uint32_t kibibytes) {
  return uint64_t{kibibytes} * 1024;
}

}  // namespace

MemoryHistory::MemoryHistory(std::chrono::milliseconds length, std::chrono::milliseconds interval)
    : ring_(Capacity(length, interval)) {}

MemoryHistory::Packed MemoryHistory::Pack(const MemorySample& sample) {
  const auto since_epoch = std::chrono::duration_cast<std::chrono::milliseconds>(sample.at.time_since_epoch());
  const MemoryReading& reading = sample.reading;
  return {.at_ms = since_epoch.count(),
          .used_kib = Kibibytes(reading.used),
          .limit_kib = Kibibytes(reading.limit),
          .rss_kib = Kibibytes(reading.rss),
          .vms_kib = Kibibytes(reading.vms),
          .sockets_kib = Kibibytes(reading.sockets),
          .traffic = sample.traffic,
          .level = sample.level,
          .source = reading.source};
}

MemorySample MemoryHistory::Unpack(const Packed& packed) {
  return {.at = std::chrono::system_clock::time_point(std::chrono::milliseconds(packed.at_ms)),
          .reading = {.used = Bytes(packed.used_kib),
                      .limit = Bytes(packed.limit_kib),
                      .rss = Bytes(packed.rss_kib),
                      .vms = Bytes(packed.vms_kib),
                      .sockets = Bytes(packed.sockets_kib),
                      .source = packed.source},
          .level = packed.level,
          .traffic = packed.traffic};
}

void MemoryHistory::Resize(std::chrono::milliseconds length, std::chrono::milliseconds interval) {
  std::vector<Packed> ring(Capacity(length, interval));
  const std::lock_guard lock(mutex_);
  if (ring.size() == ring_.size()) return;
  const size_t kept = std::min(count_, ring.size());
  for (size_t i = 0; i < kept; ++i) ring[i] = At(count_ - kept + i);
  ring_ = std::move(ring);
  count_ = kept;
  next_ = kept % ring_.size();
}

void MemoryHistory::Add(const MemorySample& sample) {
  const std::lock_guard lock(mutex_);
  ring_[next_] = Pack(sample);
  next_ = (next_ + 1) % ring_.size();
  count_ = std::min(count_ + 1, ring_.size());
}

std::optional<MemorySample> MemoryHistory::Latest() const {
  const std::lock_guard lock(mutex_);
  if (count_ == 0) return std::nullopt;
  return Unpack(At(count_ - 1));
}

std::vector<MemorySample> MemoryHistory::Since(std::chrono::system_clock::time_point since) const {
  std::vector<MemorySample> samples;
  const std::lock_guard lock(mutex_);
  for (size_t i = 0; i < count_; ++i) {
    const MemorySample sample = Unpack(At(i));
    if (sample.at >= since) samples.push_back(sample);
  }
  return samples;
}

MemorySummary MemoryHistory::Summary() const {
  MemorySummary summary;
  const std::lock_guard lock(mutex_);
  summary.samples = count_;
  if (count_ > 0) summary.window = std::chrono::milliseconds(At(count_ - 1).at_ms - At(0).at_ms);
  const auto count = static_cast<double>(count_);
  for (size_t i = 0; i < count_; ++i) {
    const MemorySample sample = Unpack(At(i));
    const MemoryReading& reading = sample.reading;
    summary.average_rss += static_cast<double>(reading.rss) / count;
    summary.average_percent += reading.percent() / count;
    summary.peak_rss = std::max(summary.peak_rss, reading.rss);
    summary.peak_percent = std::max(summary.peak_percent, reading.percent());
    summary.average_sessions += sample.traffic.sessions / count;
    summary.peak_sessions = std::max(summary.peak_sessions, sample.traffic.sessions);
    summary.average_active_connections += sample.traffic.active_connections / count;
  }
  return summary;
}

}  // namespace sheaf::memwatch
