// The pool over real sockets: warm connections, leases, waiting, limits, ages, failures and the figures of all of them.
#include "pool/upstream_pool.h"

#include <doctest/doctest.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "tests/fakes/pool_fixture.h"

namespace sheaf::pool {
namespace {

using std::chrono::milliseconds;
using Lines = std::vector<std::string>;

uint64_t AcquireCount(const WorkerMetrics& metrics) {
  uint64_t count = 0;
  for (size_t i = 0; i <= metrics.pool_acquire_seconds.kBounds; ++i) count += metrics.pool_acquire_seconds.bucket(i);
  return count;
}

}  // namespace

TEST_CASE("min_size connections stand before the first request comes") {
  PoolFixture fixture;
  fixture.StartWarm(5);
  CHECK_EQ(fixture.backend.accepted(), 5);
  CHECK_EQ(fixture.metrics.pool_created_total.value(), 5);
  CHECK_EQ(fixture.metrics.pool_acquired_total.value(), 0);
  fixture.driver.Settle();
  CHECK_EQ(fixture.Links(), 5);
  CHECK_EQ(fixture.metrics.pool_links[LinkState::kIdle].value(), 5);
  CHECK_EQ(fixture.metrics.pool_links[LinkState::kConnecting].value(), 0);
}

TEST_CASE("a backend is knocked on with 32 dials at a time, until all of min_size stand") {
  PoolFixture fixture;
  fixture.options.pool.min_size = 80;
  fixture.Start();
  CHECK(fixture.pool->count(LinkState::kConnecting) <= 32);
  fixture.driver.Until([&] { return fixture.Idle() == 80; });
}

TEST_CASE("nothing is dialled when min_size is 0 and nobody asks") {
  PoolFixture fixture;
  fixture.Start();
  fixture.driver.Settle();
  CHECK_EQ(fixture.Links(), 0);
  CHECK_EQ(fixture.backend.accepted(), 0);
}

TEST_CASE("a request leaves on a warm connection at once, and the connection is used again") {
  PoolFixture fixture;
  fixture.options.pool.max_size = 1;
  fixture.StartWarm(1);
  for (int i = 1; i <= 3; ++i) {
    RecordingEvents events;
    auto stream = fixture.pool->Open(Get(), events);
    CHECK(stream->leased());
    CHECK(stream->reused());
    CHECK(events.told.empty());
    CHECK_EQ(fixture.Active(), 1);
    fixture.driver.Until([&] { return !fixture.backend.received(0).empty(); });
    CHECK_EQ(fixture.backend.received(0), Get().head);
    fixture.backend.Forget(0);
    fixture.backend.Answer(0);
    fixture.driver.Until([&] { return events.Told("end"); });
    CHECK(events.told == Lines{"head 200", "body ok", "end"});
    CHECK_FALSE(stream->leased());
    CHECK_EQ(fixture.Idle(), 1);
    CHECK_EQ(fixture.metrics.pool_acquired_total.value(), static_cast<uint64_t>(i));
    CHECK_EQ(fixture.metrics.pool_reused_total.value(), static_cast<uint64_t>(i));
  }
  CHECK_EQ(fixture.backend.accepted(), 1);
  CHECK_EQ(fixture.metrics.pool_created_total.value(), 1);
  CHECK_EQ(AcquireCount(fixture.metrics), 3);
}

TEST_CASE("a request without a warm connection has one dialled, which does not count as reused") {
  PoolFixture fixture;
  fixture.Start();
  RecordingEvents events;
  auto stream = fixture.pool->Open(Get(), events);
  CHECK_FALSE(stream->leased());
  CHECK_EQ(fixture.pool->waiting(), 1);
  fixture.driver.Until([&] { return stream->leased(); });
  CHECK_FALSE(stream->reused());
  CHECK_EQ(fixture.pool->waiting(), 0);
  CHECK_EQ(fixture.budget->waiting(), 0);
  fixture.driver.Until([&] { return fixture.backend.accepted() == 1 && !fixture.backend.received(0).empty(); });
  fixture.backend.Answer(0);
  fixture.driver.Until([&] { return events.Told("end"); });
  CHECK_EQ(fixture.metrics.pool_acquired_total.value(), 1);
  CHECK_EQ(fixture.metrics.pool_created_total.value(), 1);
  CHECK_EQ(fixture.metrics.pool_reused_total.value(), 0);
  CHECK_EQ(AcquireCount(fixture.metrics), 1);
}

TEST_CASE("the connection used last is leased first") {
  PoolFixture fixture;
  fixture.StartWarm(3);
  RecordingEvents first;
  auto stream = fixture.pool->Open(Get("/first"), first);
  fixture.driver.Settle();
  size_t used = 0;
  while (used < 2 && fixture.backend.received(used).empty()) ++used;
  REQUIRE_FALSE(fixture.backend.received(used).empty());
  fixture.backend.Answer(used);
  fixture.driver.Until([&] { return first.Told("end"); });
  for (int i = 0; i < 3; ++i) {
    fixture.backend.Forget(used);
    RecordingEvents events;
    auto again = fixture.OpenOn(used, Get("/again"), events);
    fixture.backend.Answer(used);
    fixture.driver.Until([&] { return events.Told("end"); });
  }
}

TEST_CASE("while warm connections are in use others are warmed in their place") {
  PoolFixture fixture;
  fixture.StartWarm(2);
  RecordingEvents events;
  auto stream = fixture.pool->Open(Get(), events);
  fixture.driver.Until([&] { return fixture.Idle() == 2; });
  CHECK_EQ(fixture.Active(), 1);
  CHECK_EQ(fixture.backend.accepted(), 3);
}

TEST_CASE("no more than max_size connections stand, and those who wait are served in order as they come free") {
  PoolFixture fixture;
  fixture.options.pool.max_size = 2;
  fixture.Start();
  RecordingEvents events[5];
  std::unique_ptr<UpstreamStream> streams[5];
  for (int i = 0; i < 5; ++i) streams[i] = fixture.pool->Open(Get("/" + std::to_string(i)), events[i]);
  fixture.driver.Until([&] { return fixture.backend.accepted() == 2 && !fixture.backend.received(1).empty(); });
  fixture.driver.Settle();
  CHECK_EQ(fixture.Links(), 2);
  CHECK_EQ(fixture.pool->waiting(), 3);
  CHECK_EQ(fixture.metrics.pool_waiting.value(), 3);
  CHECK(fixture.budget->full());
  for (int i = 2; i < 5; ++i) {
    fixture.backend.Forget(0);
    fixture.backend.Answer(0);
    fixture.driver.Until([&] { return !fixture.backend.received(0).empty(); });
    CHECK_EQ(fixture.backend.received(0), Get("/" + std::to_string(i)).head);
    CHECK(streams[i]->reused());
  }
  CHECK_EQ(fixture.backend.accepted(), 2);
}

TEST_CASE("a request that comes while others wait does not overtake them") {
  PoolFixture fixture;
  fixture.options.pool.max_size = 1;
  fixture.Start();
  RecordingEvents first, second, third;
  auto one = fixture.OpenOn(0, Get("/1"), first);
  auto two = fixture.pool->Open(Get("/2"), second);
  // The connection comes free within a callback, and a request comes right then, before the pool looks at its queue.
  std::unique_ptr<UpstreamStream> three;
  first.after = [&](std::string_view word) {
    if (word == "end") three = fixture.pool->Open(Get("/3"), third);
  };
  fixture.backend.Forget(0);
  fixture.backend.Answer(0);
  fixture.driver.Until([&] { return three != nullptr && !fixture.backend.received(0).empty(); });
  CHECK_EQ(fixture.backend.received(0), Get("/2").head);
  CHECK_FALSE(three->leased());
}

TEST_CASE("a connection is leased again from within the end of its own response") {
  PoolFixture fixture;
  fixture.StartWarm(1);
  RecordingEvents first, second;
  std::unique_ptr<UpstreamStream> next;
  auto stream = fixture.OpenOn(0, Get("/1"), first);
  first.after = [&](std::string_view word) {
    if (word == "end") next = fixture.pool->Open(Get("/2"), second);
  };
  fixture.backend.Forget(0);
  fixture.backend.Answer(0);
  fixture.driver.Until([&] { return next != nullptr; });
  CHECK(next->leased());
  fixture.driver.Until([&] { return !fixture.backend.received(0).empty(); });
  CHECK_EQ(fixture.backend.received(0), Get("/2").head);
  fixture.backend.Answer(0, "two");
  fixture.driver.Until([&] { return second.Told("end"); });
  CHECK(second.told == Lines{"head 200", "body two", "end"});
}

TEST_CASE("more than max_waiting are refused, never from within Open, and one who leaves makes room") {
  PoolFixture fixture;
  fixture.options.pool.max_size = 1;
  fixture.options.pool.max_waiting = 2;
  fixture.Start();
  RecordingEvents active, waiting[2], refused, later;
  auto one = fixture.OpenOn(0, Get(), active);
  auto two = fixture.pool->Open(Get(), waiting[0]);
  auto three = fixture.pool->Open(Get(), waiting[1]);
  auto four = fixture.pool->Open(Get(), refused);
  CHECK(refused.told.empty());
  fixture.pool->Maintain();
  CHECK(refused.told == Lines{"closed pool_exhausted"});
  CHECK(waiting[0].told.empty());
  CHECK(waiting[1].told.empty());
  three.reset();
  auto five = fixture.pool->Open(Get(), later);
  fixture.driver.Settle();
  CHECK(later.told.empty());
  CHECK_EQ(fixture.pool->waiting(), 2);
}

TEST_CASE("a refused stream that is given up before it was told hears nothing") {
  PoolFixture fixture;
  fixture.options.pool.max_waiting = 0;
  fixture.Start();
  RecordingEvents events;
  auto stream = fixture.pool->Open(Get(), events);
  stream.reset();
  fixture.driver.Settle();
  CHECK(events.told.empty());
}

TEST_CASE("a refused client may give up all its streams from within the refusal") {
  PoolFixture fixture;
  fixture.options.pool.max_waiting = 0;
  fixture.Start();
  RecordingEvents events[3];
  std::unique_ptr<UpstreamStream> streams[3];
  for (int i = 0; i < 3; ++i) streams[i] = fixture.pool->Open(Get(), events[i]);
  events[0].after = [&](std::string_view) {
    for (auto& stream : streams) stream->Close(CloseReason::kDone);
  };
  fixture.driver.Settle();
  CHECK(events[0].told == Lines{"closed pool_exhausted"});
  CHECK(events[1].told.empty());
  CHECK(events[2].told.empty());
}

TEST_CASE("who waits longer than acquire_timeout is refused, and the next in line waits on") {
  PoolFixture fixture;
  fixture.options.pool.max_size = 1;
  fixture.options.pool.acquire_timeout = milliseconds(200);
  fixture.Start();
  RecordingEvents active, early, late;
  auto one = fixture.OpenOn(0, Get(), active);
  auto two = fixture.pool->Open(Get(), early);
  fixture.driver.For(milliseconds(100));
  CHECK(early.told.empty());
  auto three = fixture.pool->Open(Get("/late"), late);
  fixture.driver.Until([&] { return !early.told.empty(); });
  CHECK(early.told == Lines{"closed pool_exhausted"});
  CHECK_EQ(fixture.budget->waiting(), 1);
  CHECK_EQ(fixture.Active(), 1);
}

TEST_CASE("who is served within acquire_timeout is not refused") {
  PoolFixture fixture;
  fixture.options.pool.acquire_timeout = milliseconds(100);
  fixture.Start();
  RecordingEvents events;
  auto stream = fixture.OpenOn(0, Get(), events);
  fixture.driver.For(milliseconds(300));
  CHECK(events.told.empty());
  CHECK_EQ(fixture.Active(), 1);
}

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
  auto one = fixture.pool->Open(Get(), first);
  fixture.driver.Until([&] { return !first.told.empty(); });
  CHECK(first.told == Lines{"closed upstream_connect_failed"});
  CHECK_FALSE(fixture.endpoint.up());
  const uint64_t failed = fixture.metrics.pool_failed_total.value();
  CHECK(failed >= 1);
  fixture.backend.ListenAgain();
  auto two = fixture.pool->Open(Get(), second);
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
  fixture.endpoint.SetUp(true);  // as another worker's pool, or the health check, would
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
  fixture.driver.Turn();
  CHECK_EQ(fixture.metrics.upstream_up.value(), 1);
}

TEST_CASE("while the backend fails one dial at a time is made, however many are wanted") {
  PoolFixture fixture;
  fixture.options.pool.min_size = 10;
  fixture.backend.StopListening();
  fixture.Start();
  fixture.driver.Until([&] { return fixture.metrics.pool_failed_total.value() >= 10; });
  for (int i = 0; i < 200; ++i) {
    fixture.driver.Turn();
    CHECK(fixture.pool->count(LinkState::kConnecting) <= 1);
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
  auto one = fixture.pool->Open(Get("/1"), first);
  fixture.driver.Until([&] { return fixture.metrics.pool_failed_total.value() >= 1; });
  auto two = fixture.pool->Open(Get("/2"), second);
  CHECK(two->leased());
  auto three = fixture.pool->Open(Get("/3"), third);
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
  auto two = fixture.pool->Open(Get("/2"), waiting);
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
  auto one = fixture.pool->Open(Get(), first);
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
  auto stream = fixture.pool->Open(Get(), events);
  fixture.driver.Until([&] { return fixture.Idle() == 3; });
  size_t used = 0;
  while (used < 3 && fixture.backend.received(used).empty()) ++used;
  fixture.pool->Drain();
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
  fixture.pool->Drain();
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
    UpstreamPool other(fixture.driver.loop(), fixture.endpoint, fixture.backend.address(), *fixture.budget,
                       fixture.options, 0, fixture.metrics);
    RecordingEvents first, second, third;
    auto one = fixture.OpenOn(0, Get(), first);
    auto two = fixture.OpenOn(1, Get(), second);
    fixture.backend.Answer(0);
    fixture.backend.Answer(1);
    fixture.driver.Until([&] { return fixture.Idle() == 2; });
    auto three = other.Open(Get("/other"), third);
    fixture.driver.Until([&] {
      other.Maintain();
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

TEST_CASE("new connections go to the address that a look-up has found") {
  PoolFixture fixture;
  ScriptedBackend moved;
  fixture.Start();
  fixture.pool->SetAddress(moved.address());
  RecordingEvents events;
  auto stream = fixture.pool->Open(Get(), events);
  fixture.driver.Until([&] {
    moved.Poll();
    return moved.accepted() == 1 && moved.received(0) == Get().head;
  });
  CHECK_EQ(fixture.backend.accepted(), 0);
}

TEST_CASE("the pool's end closes what stands and what is being dialled") {
  PoolFixture fixture;
  fixture.StartWarm(2);
  {
    RecordingEvents events;
    auto stream = fixture.pool->Open(Get(), events);
    auto second = fixture.pool->Open(Get(), events);
    auto third = fixture.pool->Open(Get(), events);
    fixture.pool->Maintain();
  }
  fixture.pool.reset();
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
  std::vector<std::unique_ptr<UpstreamStream>> streams;
  for (RecordingEvents& one : events) streams.push_back(fixture.pool->Open(Get(), one));
  fixture.driver.Until([&] { return fixture.Active() == 4 && fixture.Idle() == 2; });
  CHECK_EQ(fixture.pool->CloseSpare(), 0);
  // Those on the two warm connections are answered, and lie idle then.
  for (const size_t served : {size_t{0}, size_t{1}}) {
    fixture.driver.Until([&] { return !fixture.backend.received(served).empty(); });
    fixture.backend.Answer(served);
  }
  fixture.driver.Until([&] { return events[0].Told("end") && events[1].Told("end"); });
  CHECK_EQ(fixture.Idle(), 4);
  CHECK_EQ(fixture.pool->CloseSpare(), 2);
  CHECK_EQ(fixture.Idle(), 2);
  CHECK_EQ(fixture.Active(), 2);
  fixture.driver.Settle();
  CHECK_EQ(fixture.metrics.pool_evicted_total[CloseReason::kMemoryShed].value(), 2);
  CHECK_EQ(fixture.Idle(), 2);
}

}  // namespace sheaf::pool
