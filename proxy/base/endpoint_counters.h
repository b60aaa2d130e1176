// What is counted by endpoint: the gauges and counters of one process of a backend, all workers' together.
//
//   std::shared_ptr<EndpointCounters> counters = table.Find("default", "127.0.0.1:8001");
//   counters->requests_total.fetch_add(1, std::memory_order_relaxed);
//
// An endpoint's series is there as long as somebody uses it: those of a headless Service come and go.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/metric_cells.h"
#include "proxy/base/metric_table.h"

namespace sheaf {

// Any thread, relaxed. None of it changes with a message.
struct EndpointCounters {
  EndpointCounters(std::string_view of_backend, std::string_view named) : backend(of_backend), endpoint(named) {}

  const std::string backend;   // "default" for [upstream]
  const std::string endpoint;  // "127.0.0.1:8001", "unix:/run/app.sock"
  std::atomic<uint32_t> sessions{0};
  std::atomic<bool> up{false};
  std::atomic<bool> draining{false};  // an operator has said so
  std::atomic<bool> removed{false};   // the configuration does not name it any more
  std::atomic<bool> unlisted{false};  // its name does not lead there any more
  std::array<std::atomic<uint32_t>, LinkStateLabels::kCount> links{};
  std::atomic<uint64_t> requests_total{0};  // and WebSocket handshakes
  std::atomic<uint64_t> failures_total{0};  // to connect, and of health checks
  // Of connections to it.
  std::atomic<uint64_t> created_total{0};  // that were established
  std::atomic<uint64_t> failed_total{0};   // that could not be
  std::atomic<uint64_t> reused_total{0};   // leases of one that had served an earlier lease
  std::atomic<uint64_t> evicted_total{0};  // that were closed while they were idle
  // Leases, by how long they were waited for.
  using Acquires = std::array<uint64_t, AcquireSecondsBuckets::kBounds.size() + 1>;
  std::array<std::atomic<uint64_t>, std::tuple_size_v<Acquires>> acquires{};

  void CountAcquire(std::chrono::nanoseconds waited, bool reused) {
    const size_t bucket = BucketOf<AcquireSecondsBuckets>(TicksOf<AcquireSecondsBuckets>(waited));
    acquires[bucket].fetch_add(1, std::memory_order_relaxed);
    if (reused) reused_total.fetch_add(1, std::memory_order_relaxed);
  }
};

// Any thread.
class EndpointTable {
 public:
  // The one of this name, a new one if it is not there.
  std::shared_ptr<EndpointCounters> Find(std::string_view backend, std::string_view endpoint);
  // Those that somebody still uses, by backend and name.
  std::vector<std::shared_ptr<const EndpointCounters>> All() const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::weak_ptr<EndpointCounters>> all_;  // under the mutex
};

}  // namespace sheaf
