// What the pool does by itself, over real sockets: ages, failures and back-off, draining, and the figures of all of
// them.
#include <doctest/doctest.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "pool/upstream.h"
#include "tests/fakes/pool_fixture.h"

namespace sheaf::pool {
namespace {

using std::chrono::milliseconds;
using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("a connection unused for stale_timeout is closed and replaced") {
  PoolFixture fixture;
  fixture.options.pool.stale_timeout = milliseconds(150);
  fixture.StartWarm(2);
  fixture.driver.Until([&] { return fixture.Evicted(CloseReason::kUpstreamStale) >= 2; });
  fixture.driver.Until([&] { return fixture.backend.ended(0) && fixture.backend.ended(1) && fixture.Idle() == 2; });
  CHECK(fixture.metrics.pool_created_total.value() >= 4);
}

TEST_CASE("a connection in use for longer than stale_timeout stays") {
  PoolFixture fixture;
  fixture.options.pool.stale_timeout = milliseconds(100);
  fixture.Start();
  RecordingEvents events;
  auto stream = fixture.OpenOn(0, Get(), events);
  fixture.driver.For(milliseconds(400));
  CHECK_FALSE(fixture.backend.ended(0));
  fixture.backend.Answer(0);
  fixture.driver.Until([&] { return events.Told("end"); });
  CHECK_EQ(fixture.Evicted(CloseReason::kUpstreamStale), 0);
}

TEST_CASE("an idle connection that reached max_lifetime is replaced") {
  PoolFixture fixture;
  fixture.options.pool.max_lifetime = milliseconds(150);
  fixture.StartWarm(1);
  fixture.driver.Until([&] { return fixture.Evicted(CloseReason::kUpstreamExpired) == 1; });
  fixture.driver.Until([&] { return fixture.backend.ended(0) && fixture.Idle() == 1; });
}

TEST_CASE("a connection that reached max_lifetime in use ends its response first, and is not used again") {
  PoolFixture fixture;
  fixture.options.pool.max_lifetime = milliseconds(100);
  fixture.Start();
  RecordingEvents events;
  auto stream = fixture.OpenOn(0, Get(), events);
  fixture.driver.For(milliseconds(300));
  CHECK_FALSE(fixture.backend.ended(0));
  fixture.backend.Answer(0);
  fixture.driver.Until([&] { return fixture.backend.ended(0); });
  CHECK(events.told == Lines{"head 200", "body ok", "end"});
  CHECK_EQ(fixture.Links(), 0);
}

TEST_CASE("a max_lifetime of 0 means no limit, and a stale_timeout that is far away closes nothing") {
  PoolFixture fixture;
  fixture.StartWarm(1);
  fixture.driver.For(milliseconds(400));
  CHECK_FALSE(fixture.backend.ended(0));
  CHECK_EQ(fixture.metrics.pool_created_total.value(), 1);
}

TEST_CASE("a refused connection fails the waiting at once, and no dial is made during the back-off") {
  PoolFixture fixture;
  fixture.options.pool.backoff_min = fixture.options.pool.backoff_max = milliseconds(60'000);
  fixture.backend.StopListening();
  fixture.Start();
  RecordingEvents first, second;
  auto one = fixture.upstream->Send(Get(), first);
  fixture.driver.Until([&] { return !first.told.empty(); });
  CHECK(first.told == Lines{"closed upstream_connect_failed"});
  CHECK_FALSE(fixture.endpoint.up());
  const uint64_t failed = fixture.metrics.pool_failed_total.value();
  CHECK(failed >= 1);
  fixture.backend.ListenAgain();
  auto two = fixture.upstream->Send(Get(), second);
  CHECK(second.told.empty());
  fixture.driver.Until([&] { return !second.told.empty(); });
  CHECK(second.told == Lines{"closed upstream_connect_failed"});
  CHECK_EQ(fixture.metrics.pool_failed_total.value(), failed);
  CHECK_EQ(fixture.backend.accepted(), 0);
  CHECK_EQ(fixture.Links(), 0);
  CHECK_EQ(fixture.budget->waiting(), 0);
}

TEST_CASE("what another worker finds out about the backend's return ends the back-off") {
  PoolFixture fixture;
  fixture.options.pool.backoff_min = fixture.options.pool.backoff_max = milliseconds(60'000);
  fixture.options.pool.min_size = 1;
  fixture.backend.StopListening();
  fixture.Start();
  fixture.driver.Until([&] { return fixture.metrics.pool_failed_total.value() >= 1; });
  fixture.backend.ListenAgain();
  fixture.endpoint.SetUp(fixture.driver.loop().now());  // as another worker's pool, or the health check, would
  fixture.driver.Until([&] { return fixture.Idle() == 1; });
}

TEST_CASE("after the back-off the backend is dialled again, and its return fills the pool") {
  PoolFixture fixture;
  fixture.options.pool.backoff_min = fixture.options.pool.backoff_max = milliseconds(100);
  fixture.options.pool.min_size = 3;
  fixture.backend.StopListening();
  fixture.Start();
  fixture.driver.Until([&] { return fixture.metrics.pool_failed_total.value() >= 3; });
  CHECK_EQ(fixture.metrics.upstream_up.value(), 0);
  fixture.backend.ListenAgain();
  fixture.driver.Until([&] { return fixture.Idle() == 3; });
  CHECK(fixture.endpoint.up());
  fixture.driver.Until([&] { return fixture.metrics.upstream_up.value() == 1; });
}

TEST_CASE("while the backend fails one dial at a time is made, however many are wanted") {
  PoolFixture fixture;
  fixture.options.pool.min_size = 10;
  fixture.backend.StopListening();
  fixture.Start();
  fixture.driver.Until([&] { return fixture.metrics.pool_failed_total.value() >= 10; });
  for (int i = 0; i < 200; ++i) {
    fixture.driver.Turn();
    CHECK(fixture.upstream->count(LinkState::kConnecting) <= 1);
  }
  fixture.backend.ListenAgain();
  fixture.driver.Until([&] { return fixture.Idle() == 10; });
}

TEST_CASE("a spare connection is leased during a back-off all the same") {
  PoolFixture fixture;
  fixture.options.pool.backoff_min = fixture.options.pool.backoff_max = milliseconds(60'000);
  fixture.StartWarm(2);
  fixture.backend.StopListening();
  RecordingEvents first, second, third;
  auto one = fixture.upstream->Send(Get("/1"), first);
  fixture.driver.Until([&] { return fixture.metrics.pool_failed_total.value() >= 1; });
  auto two = fixture.upstream->Send(Get("/2"), second);
  CHECK(two->leased());
  auto three = fixture.upstream->Send(Get("/3"), third);
  fixture.driver.Until([&] { return !third.told.empty(); });
  CHECK(third.told == Lines{"closed upstream_connect_failed"});
  CHECK(first.told.empty());
  CHECK(second.told.empty());
}

TEST_CASE("with max_size connections in use a request waits, though the backend refused others before") {
  PoolFixture fixture;
  fixture.options.pool.max_size = 1;
  fixture.Start();
  RecordingEvents active, waiting;
  auto one = fixture.OpenOn(0, Get(), active);
  fixture.backend.StopListening();
  auto two = fixture.upstream->Send(Get("/2"), waiting);
  fixture.driver.For(milliseconds(50));
  CHECK(waiting.told.empty());
  fixture.backend.Forget(0);
  fixture.backend.Answer(0);
  fixture.driver.Until([&] { return !fixture.backend.received(0).empty(); });
  CHECK_EQ(fixture.backend.received(0), Get("/2").head);
}

TEST_CASE("with an HTTP health check a connection alone does not make the backend up") {
  PoolFixture fixture;
  fixture.options.pool.health_check_path = "/health";
  fixture.StartWarm(1);
  CHECK_FALSE(fixture.endpoint.up());
}

TEST_CASE("with a TCP health check a connection makes the backend up, and a refused one down") {
  PoolFixture fixture;
  fixture.StartWarm(1);
  CHECK(fixture.endpoint.up());
  fixture.backend.StopListening();
  RecordingEvents first, second;
  auto one = fixture.upstream->Send(Get(), first);
  fixture.driver.Until([&] { return !fixture.endpoint.up(); });
}

TEST_CASE("an idle connection that the backend closes is evicted and replaced") {
  PoolFixture fixture;
  fixture.StartWarm(2);
  fixture.backend.Close(0);
  fixture.driver.Until([&] { return fixture.Evicted(CloseReason::kUpstreamClosed) == 1; });
  fixture.driver.Until([&] { return fixture.Idle() == 2; });
  CHECK_EQ(fixture.metrics.pool_created_total.value(), 3);
  CHECK_EQ(fixture.metrics.pool_failed_total.value(), 0);
}

TEST_CASE("an idle connection on which the backend speaks unasked is evicted") {
  PoolFixture fixture;
  fixture.StartWarm(1);
  fixture.backend.Send(0, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
  fixture.driver.Until([&] { return fixture.backend.ended(0); });
  CHECK_EQ(fixture.Evicted(CloseReason::kUpstreamProtocolError), 1);
  fixture.driver.Until([&] { return fixture.Idle() == 1; });
  RecordingEvents events;
  auto stream = fixture.OpenOn(1, Get(), events);
  fixture.backend.Answer(1);
  fixture.driver.Until([&] { return events.Told("end"); });
  CHECK(events.told == Lines{"head 200", "body ok", "end"});
}

TEST_CASE("Drain closes idle connections now and leased ones when they are given back, and warms no more") {
  PoolFixture fixture;
  fixture.StartWarm(3);
  RecordingEvents events;
  auto stream = fixture.upstream->Send(Get(), events);
  fixture.driver.Until([&] { return fixture.Idle() == 3; });
  size_t used = 0;
  while (used < 3 && fixture.backend.received(used).empty()) ++used;
  fixture.upstream->Drain();
  fixture.driver.Settle();
  CHECK_EQ(fixture.Idle(), 0);
  CHECK_EQ(fixture.Active(), 1);
  CHECK_EQ(fixture.backend.open(), 1);
  CHECK_EQ(fixture.Evicted(CloseReason::kDrain), 3);
  fixture.backend.Answer(used);
  fixture.driver.Until([&] { return events.Told("end"); });
  fixture.driver.Settle();
  CHECK_EQ(fixture.Links(), 0);
  CHECK_EQ(fixture.backend.open(), 0);
}

TEST_CASE("a request that comes while draining is still served") {
  PoolFixture fixture;
  fixture.StartWarm(1);
  fixture.upstream->Drain();
  fixture.driver.Settle();
  RecordingEvents events;
  auto stream = fixture.OpenOn(1, Get(), events);
  fixture.backend.Answer(1);
  fixture.driver.Until([&] { return events.Told("end"); });
  fixture.driver.Settle();
  CHECK_EQ(fixture.Links(), 0);
}

TEST_CASE("max_size holds for all workers together, and an idle connection makes way for another worker's request") {
  for (const uint32_t min_size : {0U, 2U}) {
    CAPTURE(min_size);
    PoolFixture fixture;
    fixture.options.pool.max_size = 2;
    fixture.options.pool.min_size = min_size;
    fixture.Start();
    OtherWorker other(fixture, {.index = 1, .workers = 2});
    RecordingEvents first, second, third;
    auto one = fixture.OpenOn(0, Get(), first);
    auto two = fixture.OpenOn(1, Get(), second);
    fixture.backend.Answer(0);
    fixture.backend.Answer(1);
    fixture.driver.Until([&] { return fixture.Idle() == 2; });
    auto three = other.upstream->Send(Get("/other"), third);
    fixture.driver.Until([&] {
      other.upstreams.Maintain();
      return fixture.backend.accepted() >= 3 && three->leased();
    });
    CHECK_EQ(fixture.Idle(), 1);
    CHECK_EQ(fixture.backend.open(), 2);
  }
}

TEST_CASE("a budget counts to its limits") {
  PoolBudget budget(2, 1);
  CHECK(budget.TakeLink());
  CHECK_FALSE(budget.full());
  CHECK(budget.TakeLink());
  CHECK(budget.full());
  CHECK_FALSE(budget.TakeLink());
  budget.ReturnLink();
  CHECK_FALSE(budget.full());
  CHECK(budget.TakeLink());
  CHECK(budget.TakeWaiting());
  CHECK_EQ(budget.waiting(), 1);
  CHECK_FALSE(budget.TakeWaiting());
  budget.ReturnWaiting();
  CHECK_EQ(budget.waiting(), 0);
}

TEST_CASE("a budget's bounds may change while it is used, and nothing is taken back") {
  PoolBudget budget(3, 0);
  for (int i = 0; i < 3; ++i) CHECK(budget.TakeLink());
  CHECK_FALSE(budget.overfull());
  budget.SetBounds(1, 1);
  CHECK(budget.overfull());
  CHECK_FALSE(budget.TakeLink());
  CHECK(budget.TakeWaiting());
  CHECK_FALSE(budget.TakeWaiting());
  budget.ReturnLink();
  budget.ReturnLink();
  CHECK_FALSE(budget.overfull());
  CHECK(budget.full());
  CHECK_FALSE(budget.TakeLink());
  budget.SetBounds(2, 0);
  CHECK(budget.TakeLink());
}

TEST_CASE("new connections go to the address that a look-up has found") {
  PoolFixture fixture;
  ScriptedBackend moved;
  fixture.Start();
  fixture.SetAddresses({moved.address()});
  RecordingEvents events;
  auto stream = fixture.upstream->Send(Get(), events);
  fixture.driver.Until([&] {
    moved.Poll();
    return moved.accepted() == 1 && moved.received(0) == Get().head;
  });
  CHECK_EQ(fixture.backend.accepted(), 0);
}

TEST_CASE("until a look-up has found an address nothing is dialled and requests wait; then both go on") {
  PoolFixture fixture;
  RecordingEvents events;
  const net::Address found = std::exchange(fixture.address, net::Address());
  fixture.options.pool.min_size = 1;
  fixture.Start();
  auto stream = fixture.upstream->Send(Get(), events);
  fixture.driver.For(milliseconds(200));
  CHECK(events.told.empty());
  CHECK_EQ(fixture.Links(), 0);
  fixture.SetAddresses({found});
  fixture.driver.Until([&] { return fixture.Active() == 1 && fixture.Idle() == 1; });
}

TEST_CASE("who waits for a first address is refused when the look-up fails, or after acquire_timeout") {
  for (const bool answered : {true, false}) {
    PoolFixture fixture;
    RecordingEvents events;
    fixture.address = net::Address();
    if (!answered) fixture.options.pool.acquire_timeout = milliseconds(100);
    fixture.Start();
    auto stream = fixture.upstream->Send(Get(), events);
    fixture.driver.Turn();
    CHECK(events.told.empty());
    if (answered) fixture.upstream->OnNoAddress();
    fixture.driver.Until([&] { return !events.told.empty(); });
    CHECK(events.Told("closed upstream_connect_failed"));
    CHECK_EQ(fixture.metrics.pool_failed_total.value(), 0);
  }
}

TEST_CASE("another address ends the back-off that the last one had earned") {
  PoolFixture fixture;
  fixture.options.pool.backoff_min = fixture.options.pool.backoff_max = milliseconds(60'000);
  fixture.options.pool.min_size = 1;
  ScriptedBackend gone;
  fixture.address = gone.address();
  gone.StopListening();
  int failed = 0;
  fixture.endpoint.WatchDials([&failed] { ++failed; });
  fixture.Start();
  fixture.driver.Until([&] { return fixture.metrics.pool_failed_total.value() == 1; });
  CHECK_EQ(failed, 1);
  fixture.SetAddresses({fixture.backend.address()});
  fixture.driver.Until([&] { return fixture.Idle() == 1; });
  CHECK_EQ(failed, 1);
}

TEST_CASE("the end of a worker's upstreams closes what stands and what is being dialled") {
  PoolFixture fixture;
  fixture.options.pool.min_size = 2;
  {
    OtherWorker worker(fixture, {});
    fixture.driver.Until([&] {
      worker.upstreams.Maintain();
      return worker.upstream->count(LinkState::kIdle) == 2;
    });
    RecordingEvents events;
    auto stream = worker.upstream->Send(Get(), events);
    auto second = worker.upstream->Send(Get(), events);
    auto third = worker.upstream->Send(Get(), events);
    worker.upstreams.Maintain();
    CHECK(worker.upstream->count(LinkState::kConnecting) > 0);
  }
  fixture.driver.Settle();
  CHECK_EQ(fixture.backend.open(), 0);
  CHECK_FALSE(fixture.budget->full());
  for (uint32_t i = 0; i < fixture.options.pool.max_size; ++i) CHECK(fixture.budget->TakeLink());
}

TEST_CASE("bytes on the backend's sockets are counted") {
  PoolFixture fixture;
  fixture.Start();
  RecordingEvents events;
  auto stream = fixture.OpenOn(0, Get(), events);
  fixture.backend.Answer(0);
  fixture.driver.Until([&] { return events.Told("end"); });
  CHECK_EQ(fixture.metrics.upstream_sent_bytes_total.value(), Get().head.size());
  CHECK_EQ(fixture.metrics.upstream_received_bytes_total.value(), 40);
}

TEST_CASE("CloseSpare closes idle connections down to min_size, and leaves leased ones alone") {
  PoolFixture fixture;
  fixture.options.pool.min_size = 2;
  fixture.StartWarm(2);
  std::array<RecordingEvents, 4> events;
  std::vector<std::unique_ptr<HttpStream>> streams;
  for (RecordingEvents& one : events) streams.push_back(fixture.upstream->Send(Get(), one));
  fixture.driver.Until([&] { return fixture.Active() == 4 && fixture.Idle() == 2; });
  CHECK_EQ(fixture.upstream->CloseSpare(), 0);
  // Those on the two warm connections are answered, and lie idle then.
  for (const size_t served : {size_t{0}, size_t{1}}) {
    fixture.driver.Until([&] { return !fixture.backend.received(served).empty(); });
    fixture.backend.Answer(served);
  }
  fixture.driver.Until([&] { return events[0].Told("end") && events[1].Told("end"); });
  CHECK_EQ(fixture.Idle(), 4);
  CHECK_EQ(fixture.upstream->CloseSpare(), 2);
  CHECK_EQ(fixture.Idle(), 2);
  CHECK_EQ(fixture.Active(), 2);
  fixture.driver.Settle();
  CHECK_EQ(fixture.metrics.pool_evicted_total[CloseReason::kMemoryShed].value(), 2);
  CHECK_EQ(fixture.Idle(), 2);
}

}  // namespace sheaf::pool
