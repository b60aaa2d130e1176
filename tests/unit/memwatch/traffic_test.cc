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
