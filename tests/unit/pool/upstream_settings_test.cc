// Settings that an Upstream is given in its life: nothing that is under way breaks off, and what comes obeys them.
#include "pool/upstream_settings.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/fakes/pool_fixture.h"

namespace sheaf::pool {
namespace {

using std::chrono::milliseconds;
using Lines = std::vector<std::string>;

// Requests that the backend has got, each on a connection of its own.
struct Served {
  Served(PoolFixture& fixture, size_t count) : events(count) {
    for (size_t i = 0; i < count; ++i) streams.push_back(fixture.OpenOn(i, Get(), events[i]));
  }

  std::vector<RecordingEvents> events;
  std::vector<std::unique_ptr<HttpStream>> streams;
};

}  // namespace

TEST_CASE("max_size lowered below what is in use breaks nothing off, and new requests wait until enough has ended") {
  PoolFixture fixture;
  fixture.Start();
  Served served(fixture, 3);
  fixture.options.pool.max_size = 1;
  fixture.Adopt();
  RecordingEvents events;
  const auto late = fixture.upstream->Send(Get(), events);
  fixture.driver.Settle();
  CHECK_EQ(fixture.Active(), 3);
  CHECK_EQ(fixture.upstream->waiting(), 1);
  for (size_t i = 0; i < 2; ++i) {
    fixture.backend.Answer(i);
    fixture.driver.Until([&] { return served.events[i].Told("end") && fixture.backend.ended(i); });
    CHECK_FALSE(late->leased());
  }
  CHECK_EQ(fixture.Links(), 1);
  fixture.backend.Forget(2);
  fixture.backend.Answer(2);
  fixture.driver.Until([&] { return served.events[2].Told("end") && !fixture.backend.received(2).empty(); });
  CHECK(late->leased());
  CHECK_EQ(fixture.backend.accepted(), 3);
}

TEST_CASE("connections that lie idle above a lowered max_size are closed") {
  PoolFixture fixture;
  fixture.StartWarm(3);
  fixture.options.pool.max_size = 1;
  fixture.options.pool.min_size = 1;
  fixture.Adopt();
  fixture.driver.Until([&] { return fixture.backend.open() == 1; });
  fixture.driver.Settle();
  CHECK_EQ(fixture.Idle(), 1);
}

TEST_CASE("a raised max_size serves those that wait, and a lowered max_waiting refuses those that come") {
  PoolFixture fixture;
  fixture.options.pool.max_size = 1;
  fixture.Start();
  Served served(fixture, 1);
  RecordingEvents waiting, refused;
  const auto first = fixture.upstream->Send(Get(), waiting);
  fixture.driver.Settle();
  CHECK_FALSE(first->leased());
  fixture.options.pool.max_waiting = 1;
  fixture.Adopt();
  const auto second = fixture.upstream->Send(Get(), refused);
  fixture.driver.Settle();
  CHECK(refused.told == Lines{"closed pool_exhausted"});
  fixture.options.pool.max_size = 2;
  fixture.Adopt();
  fixture.driver.Until([&] { return first->leased(); });
  CHECK(waiting.told.empty());
}

TEST_CASE("a raised min_size warms connections, and a lowered one lets them go after idle_timeout") {
  PoolFixture fixture;
  fixture.StartWarm(1);
  fixture.options.pool.min_size = 3;
  fixture.Adopt();
  fixture.driver.Until([&] { return fixture.Idle() == 3; });
  fixture.options.pool.min_size = 2;
  fixture.options.pool.idle_timeout = milliseconds(1);
  fixture.Adopt();
  fixture.driver.Until([&] { return fixture.Evicted(CloseReason::kUpstreamIdle) == 1; });
  fixture.driver.Settle();
  CHECK_EQ(fixture.Idle(), 2);
}

TEST_CASE("time-outs hold for what is under way already") {
  PoolFixture fixture;
  fixture.options.pool.max_size = 1;
  fixture.options.pool.acquire_timeout = milliseconds(600'000);
  fixture.Start();
  Served served(fixture, 1);
  RecordingEvents events;
  const auto waiting = fixture.upstream->Send(Get(), events);
  fixture.driver.Settle();
  CHECK(events.told.empty());
  fixture.options.pool.acquire_timeout = milliseconds(1);
  fixture.options.pool.stale_timeout = milliseconds(1);
  fixture.Adopt();
  fixture.driver.Until([&] { return events.Told("closed pool_exhausted"); });
  fixture.backend.Answer(0);
  fixture.driver.Until([&] { return fixture.Evicted(CloseReason::kUpstreamStale) == 1; });
  CHECK(served.events[0].Told("end"));
}

TEST_CASE("a back-off that is waited for ends within a lowered backoff_max") {
  PoolFixture fixture;
  fixture.options.pool.backoff_min = fixture.options.pool.backoff_max = milliseconds(600'000);
  fixture.backend.StopListening();
  fixture.Start();
  RecordingEvents refused, served;
  const auto first = fixture.upstream->Send(Get(), refused);
  fixture.driver.Until([&] { return refused.Told("closed upstream_connect_failed"); });
  fixture.backend.ListenAgain();
  fixture.options.pool.backoff_min = fixture.options.pool.backoff_max = milliseconds(1);
  fixture.Adopt();
  fixture.driver.For(milliseconds(5));
  const auto second = fixture.OpenOn(0, Get(), served);
  CHECK(served.told.empty());
}

TEST_CASE("the next response is read within the limits that hold then, on the same connection") {
  PoolFixture fixture;
  fixture.options.pool.max_size = 1;
  fixture.Start();
  const std::string answer = "HTTP/1.1 200 OK\r\nA: 1\r\nContent-Length: 0\r\n\r\n";
  RecordingEvents first, second;
  const auto one = fixture.OpenOn(0, Get(), first);
  fixture.backend.Send(0, answer);
  fixture.driver.Until([&] { return first.Told("end"); });
  fixture.options.limits.max_fields = 1;
  fixture.Adopt();
  fixture.backend.Forget(0);
  const auto two = fixture.OpenOn(0, Get(), second);
  fixture.backend.Send(0, answer);
  fixture.driver.Until([&] { return !second.told.empty(); });
  CHECK(second.told == Lines{"closed upstream_protocol_error"});
}

TEST_CASE("health checks begin, ask something else and end as the settings say") {
  PoolFixture fixture;
  fixture.Start();
  fixture.driver.For(milliseconds(20));
  CHECK_EQ(fixture.backend.accepted(), 0);
  fixture.options.pool.health_check_interval = milliseconds(60'000);
  fixture.Adopt();
  fixture.driver.Until([&] { return fixture.metrics.health_checks_total[CheckResult::kPassed].value() == 1; });
  fixture.options.pool.health_check_path = "/health";
  fixture.Adopt();  // asks at once, long before the interval is over
  fixture.AwaitRequest(1);
  CHECK(fixture.backend.received(1).starts_with("GET /health HTTP/1.1\r\n"));
  fixture.backend.Answer(1);
  fixture.driver.Until([&] { return fixture.metrics.health_checks_total[CheckResult::kPassed].value() == 2; });
  fixture.Adopt();  // nothing is new
  fixture.driver.Settle();
  CHECK_EQ(fixture.backend.accepted(), 2);
  fixture.options.pool.health_check_interval = milliseconds(0);
  fixture.options.pool.health_check_path = "/other";
  fixture.Adopt();
  fixture.driver.Settle();
  CHECK_EQ(fixture.backend.accepted(), 2);
}

TEST_CASE("only the first worker checks the backend's health") {
  PoolFixture fixture;
  fixture.options.pool.health_check_interval = milliseconds(1);
  OtherWorker other(fixture, {.index = 1, .workers = 2});
  for (int i = 0; i < 20; ++i) {
    other.upstreams.Maintain();
    fixture.driver.For(milliseconds(1));
  }
  CHECK_EQ(fixture.backend.accepted(), 0);
}

}  // namespace sheaf::pool
