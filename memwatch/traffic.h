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
  uint32_t pool_idle = 0;           // connections to the backend that nobody uses
  uint32_t pool_waiting = 0;        // requests that wait for one
  float queued_bytes = 0;           // as sheaf_queued_bytes
  float messages_to_clients = 0;    // a second
  float messages_to_upstream = 0;   // a second
  float frames_to_clients = 0;      // a second: envelopes, and messages that are in none
  float payload_bytes = 0;          // a second, of the messages to clients
  float sent_bytes = 0;             // a second, written to clients' sockets
  float batches = 0;                // a second
  float batch_size = 0;             // messages, mean; 0 without a batch
  float batch_delay = 0;            // seconds that the oldest message of a batch waited, mean; 0 without a batch
  float batch_delay_p50 = 0;        // the same, as the buckets of its histogram tell
  float batch_delay_p99 = 0;
  float closed = 0;           // sessions, a second
  float closed_by_error = 0;  // of them, a second, those that neither side ended, nor a drain or a reload
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
    uint64_t frames_to_clients;
    uint64_t payload_bytes;
    uint64_t sent_bytes;
    uint64_t batches;
    uint64_t batched_messages;
    HistogramTotals<BatchDelayBuckets> delay;
    uint64_t closed;
    uint64_t closed_by_error;
  };
  static Counts Count(const MetricsTotals& totals, TimePoint now);
  static void Compare(const Counts& before, const Counts& after, Traffic& traffic);

  std::optional<Counts> before_;
};

}  // namespace sheaf::memwatch
