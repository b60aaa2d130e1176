// What went through the proxy between two looks at memory, for the history.
//
//   TrafficMeter meter;
//   const Traffic traffic = meter.Take(registry.Sum(), now);
//
// Pure; one thread.
#pragma once

#include <cstdint>
#include <optional>

#include "proxy/base/clock.h"
#include "proxy/base/metrics.h"

namespace sheaf::memwatch {

// Levels as of the look; rates and means since the look before it. Small, since the history holds thousands.
struct Traffic {
  uint32_t sessions = 0;
  uint32_t active_connections = 0;  // to the backend, leased
  float messages_to_clients = 0;    // a second
  float messages_to_upstream = 0;   // a second
  float batches = 0;                // a second
  float batch_size = 0;             // messages, mean; 0 without a batch
  float batch_delay = 0;            // seconds that the oldest message of a batch waited, mean; 0 without a batch
};

class TrafficMeter {
 public:
  // The first look has none before it: its rates and means are 0.
  Traffic Take(const MetricsTotals& totals, TimePoint now);

 private:
  struct Counts {
    TimePoint at;
    uint64_t messages_to_clients;
    uint64_t messages_to_upstream;
    uint64_t batches;
    uint64_t batched_messages;
    uint64_t flushes;
    uint64_t waited;  // in the unit of BatchDelayBuckets
  };
  static Counts Count(const MetricsTotals& totals, TimePoint now);

  std::optional<Counts> before_;
};

}  // namespace sheaf::memwatch
