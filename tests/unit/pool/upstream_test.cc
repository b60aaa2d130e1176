// The pool over real sockets: warm connections, leases, waiting and limits. What it does by itself is in
// upstream_upkeep_test.cc.
#include "pool/upstream.h"

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
  CHECK(fixture.upstream->count(LinkState::kConnecting) <= 32);
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
    auto stream = fixture.upstream->Send(Get(), events);
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
    CHECK_EQ(fixture.metrics.pool_ready_total.value(), static_cast<uint64_t>(i));
    CHECK_EQ(fixture.metrics.pool_reused_total.value(), static_cast<uint64_t>(i - 1));  // at first it was new
  }
  CHECK_EQ(fixture.backend.accepted(), 1);
  CHECK_EQ(fixture.metrics.pool_created_total.value(), 1);
  CHECK_EQ(AcquireCount(fixture.metrics), 3);
}

TEST_CASE("a request without a warm connection has one dialled, which does not count as reused") {
  PoolFixture fixture;
  fixture.Start();
  RecordingEvents events;
  auto stream = fixture.upstream->Send(Get(), events);
  CHECK_FALSE(stream->leased());
  CHECK_EQ(fixture.upstream->waiting(), 1);
  fixture.driver.Until([&] { return stream->leased(); });
  CHECK_FALSE(stream->reused());
  CHECK_EQ(fixture.upstream->waiting(), 0);
  CHECK_EQ(fixture.budget->waiting(), 0);
  fixture.driver.Until([&] { return fixture.backend.accepted() == 1 && !fixture.backend.received(0).empty(); });
  fixture.backend.Answer(0);
  fixture.driver.Until([&] { return events.Told("end"); });
  CHECK_EQ(fixture.metrics.pool_acquired_total.value(), 1);
  CHECK_EQ(fixture.metrics.pool_created_total.value(), 1);
  CHECK_EQ(fixture.metrics.pool_ready_total.value(), 0);
  CHECK_EQ(fixture.metrics.pool_reused_total.value(), 0);
  CHECK_EQ(AcquireCount(fixture.metrics), 1);
}

TEST_CASE("the connection used last is leased first") {
  PoolFixture fixture;
  fixture.StartWarm(3);
  RecordingEvents first;
  auto stream = fixture.upstream->Send(Get("/first"), first);
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
  auto stream = fixture.upstream->Send(Get(), events);
  fixture.driver.Until([&] { return fixture.Idle() == 2; });
  CHECK_EQ(fixture.Active(), 1);
  CHECK_EQ(fixture.backend.accepted(), 3);
}

TEST_CASE("no more than max_size connections stand, and those who wait are served in order as they come free") {
  PoolFixture fixture;
  fixture.options.pool.max_size = 2;
  fixture.Start();
  RecordingEvents events[5];
  std::unique_ptr<HttpStream> streams[5];
  for (int i = 0; i < 5; ++i) streams[i] = fixture.upstream->Send(Get("/" + std::to_string(i)), events[i]);
  fixture.driver.Until([&] { return fixture.backend.accepted() == 2 && !fixture.backend.received(1).empty(); });
  fixture.driver.Settle();
  CHECK_EQ(fixture.Links(), 2);
  CHECK_EQ(fixture.upstream->waiting(), 3);
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
  auto two = fixture.upstream->Send(Get("/2"), second);
  // The connection comes free within a callback, and a request comes right then, before the pool looks at its queue.
  std::unique_ptr<HttpStream> three;
  first.after = [&](std::string_view word) {
    if (word == "end") three = fixture.upstream->Send(Get("/3"), third);
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
  std::unique_ptr<HttpStream> next;
  auto stream = fixture.OpenOn(0, Get("/1"), first);
  first.after = [&](std::string_view word) {
    if (word == "end") next = fixture.upstream->Send(Get("/2"), second);
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
  auto two = fixture.upstream->Send(Get(), waiting[0]);
  auto three = fixture.upstream->Send(Get(), waiting[1]);
  auto four = fixture.upstream->Send(Get(), refused);
  CHECK(refused.told.empty());
  fixture.upstreams.Maintain();
  CHECK(refused.told == Lines{"closed pool_exhausted"});
  CHECK(waiting[0].told.empty());
  CHECK(waiting[1].told.empty());
  three.reset();
  auto five = fixture.upstream->Send(Get(), later);
  fixture.driver.Settle();
  CHECK(later.told.empty());
  CHECK_EQ(fixture.upstream->waiting(), 2);
}

TEST_CASE("a refused stream that is given up before it was told hears nothing") {
  PoolFixture fixture;
  fixture.options.pool.max_size = 1;
  fixture.options.pool.max_waiting = 0;
  fixture.Start();
  RecordingEvents active;
  auto busy = fixture.OpenOn(0, Get(), active);
  RecordingEvents events;
  auto stream = fixture.upstream->Send(Get(), events);
  stream.reset();
  fixture.driver.Settle();
  CHECK(events.told.empty());
}

TEST_CASE("a refused client may give up all its streams from within the refusal") {
  PoolFixture fixture;
  fixture.options.pool.max_size = 1;
  fixture.options.pool.max_waiting = 0;
  fixture.Start();
  RecordingEvents active;
  auto busy = fixture.OpenOn(0, Get(), active);
  RecordingEvents events[3];
  std::unique_ptr<HttpStream> streams[3];
  for (int i = 0; i < 3; ++i) streams[i] = fixture.upstream->Send(Get(), events[i]);
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
  auto two = fixture.upstream->Send(Get(), early);
  fixture.driver.For(milliseconds(100));
  CHECK(early.told.empty());
  auto three = fixture.upstream->Send(Get("/late"), late);
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

}  // namespace sheaf::pool
