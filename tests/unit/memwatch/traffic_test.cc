#include "memwatch/traffic.h"

#include <doctest/doctest.h>

namespace sheaf::memwatch {
namespace {

using namespace std::chrono_literals;

struct Fixture {
  MetricsRegistry registry{"test"};
  WorkerMetrics& first = registry.AddWorker();
  WorkerMetrics& second = registry.AddWorker();
  TrafficMeter meter;
  TimePoint now{1h};

  Traffic Take(Duration later) {
    now += later;
    return meter.Take(registry.Sum(), now);
  }
  void Batch(WorkerMetrics& worker, uint64_t messages, std::chrono::milliseconds waited) {
    worker.batches_total[BatchForm::kJson].Add();
    worker.batched_messages_total[BatchForm::kJson].Add(messages);
    worker.batch_delay_seconds.Observe(waited);
  }
};

TEST_CASE_FIXTURE(Fixture, "Levels are those of all workers, also at the first look") {
  first.websocket_sessions.Set(3);
  second.websocket_sessions.Set(4);
  enum class State { kConnecting, kIdle, kActive };  // as LinkStateLabels has them
  first.pool_links[State::kIdle].Set(9);
  first.pool_links[State::kActive].Set(5);
  const Traffic traffic = Take(0s);
  CHECK(traffic.sessions == 7);
  CHECK(traffic.active_connections == 5);
}

TEST_CASE_FIXTURE(Fixture, "Rates are of the time since the look before, and 0 at the first") {
  first.messages_to_clients_total.Add(1000);
  CHECK(Take(0s).messages_to_clients == 0);
  first.messages_to_clients_total.Add(30);
  second.messages_to_clients_total.Add(20);
  second.messages_to_upstream_total.Add(10);
  Batch(first, 4, 10ms);
  const Traffic traffic = Take(5s);
  CHECK(traffic.messages_to_clients == 10);
  CHECK(traffic.messages_to_upstream == 2);
  CHECK(traffic.batches == doctest::Approx(0.2));
  CHECK(Take(5s).messages_to_clients == 0);
}

TEST_CASE_FIXTURE(Fixture, "Size and delay are means of the batches since the look before, and 0 without any") {
  Batch(first, 1000, 1000ms);
  Take(0s);
  Batch(first, 4, 10ms);
  Batch(second, 8, 30ms);
  const Traffic traffic = Take(1s);
  CHECK(traffic.batch_size == 6);
  CHECK(traffic.batch_delay == doctest::Approx(0.02));
  const Traffic quiet = Take(1s);
  CHECK(quiet.batch_size == 0);
  CHECK(quiet.batch_delay == 0);
}

TEST_CASE_FIXTURE(Fixture, "Half and 99 in 100 of the delays are those since the look before") {
  for (int i = 0; i < 50; ++i) Batch(first, 1, 5000ms);
  Take(0s);
  for (int i = 0; i < 50; ++i) Batch(first, 1, 3ms);
  for (int i = 0; i < 50; ++i) Batch(second, 1, 40ms);
  const Traffic traffic = Take(1s);
  CHECK(traffic.batch_delay_p50 == doctest::Approx(0.005));   // the end of the bucket from 1 ms to 5 ms
  CHECK(traffic.batch_delay_p99 == doctest::Approx(0.0495));  // in the bucket from 25 ms to 50 ms
  CHECK(Take(1s).batch_delay_p99 == 0);
}

TEST_CASE_FIXTURE(Fixture, "Frames are envelopes, and messages in none") {
  Take(0s);
  first.messages_to_clients_total.Add(7);  // by themselves
  first.messages_to_clients_total.Add(20);
  Batch(first, 20, 1ms);
  second.messages_to_clients_total.Add(5);
  second.batches_total[BatchForm::kCork].Add();
  second.batched_messages_total[BatchForm::kCork].Add(5);
  CHECK(Take(2s).frames_to_clients == doctest::Approx((7 + 1 + 5) / 2.0));
}

TEST_CASE_FIXTURE(Fixture, "Bytes and ends are rates, queues and connections levels") {
  Take(0s);
  first.message_bytes_to_clients_total.Add(3000);
  first.client_sent_bytes_total.Add(1000);
  first.queued_bytes.Set(17);
  first.pool_waiting.Set(2);
  second.pool_waiting.Set(1);
  enum class State { kConnecting, kIdle };
  second.pool_links[State::kIdle].Set(4);
  using enum CloseReason;
  for (const CloseReason reason : {kClientClosed, kClientGone, kUpstreamClosed, kDrain, kRouteRemoved}) {
    first.websocket_closes_total[reason].Add();
  }
  first.websocket_closes_total[kClientPingTimeout].Add(2);
  second.websocket_closes_total[kUpstreamGone].Add(3);
  const Traffic traffic = Take(10s);
  CHECK(traffic.payload_bytes == 300);
  CHECK(traffic.sent_bytes == 100);
  CHECK(traffic.queued_bytes == 17);
  CHECK(traffic.pool_waiting == 3);
  CHECK(traffic.pool_idle == 4);
  CHECK(traffic.closed == 1);
  CHECK(traffic.closed_by_error == 0.5);
}

TEST_CASE_FIXTURE(Fixture, "What is counted of two sums that were not taken at one instant does not fall below 0") {
  first.messages_to_clients_total.Add(10);
  Take(0s);
  Batch(first, 10, 1ms);  // whose messages were in the sum before
  CHECK(Take(1s).frames_to_clients == 0);
}

TEST_CASE_FIXTURE(Fixture, "Two looks at one time give no rate instead of an infinite one") {
  Take(0s);
  first.messages_to_clients_total.Add(5);
  CHECK(Take(0s).messages_to_clients == 0);
}

TEST_CASE_FIXTURE(Fixture, "A gauge that is below 0 for a moment is 0") {
  first.websocket_sessions.Set(-1);
  CHECK(Take(0s).sessions == 0);
}

}  // namespace
}  // namespace sheaf::memwatch
