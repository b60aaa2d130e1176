// The pool when many requests come at once: who counts as waiting, how many dials are under way, and what happens when
// the backend's queue of new connections, or this process's descriptors, are used up.
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "pool/upstream.h"
#include "proxy/net/listener.h"
#include "tests/fakes/log_recorder.h"
#include "tests/fakes/no_descriptors.h"
#include "tests/fakes/pool_fixture.h"

namespace sheaf::pool {
namespace {

using std::chrono::milliseconds;
using Lines = std::vector<std::string>;

// Requests that come in one turn.
struct Burst {
  Burst(Upstream& upstream, size_t size) : events(size) {
    for (RecordingEvents& one : events) streams.push_back(upstream.Send(Get(), one));
  }
  size_t Told(std::string_view line) const {
    return static_cast<size_t>(
        std::count_if(events.begin(), events.end(), [line](const RecordingEvents& one) { return one.Told(line); }));
  }
  size_t Leased() const {
    return static_cast<size_t>(
        std::count_if(streams.begin(), streams.end(), [](const auto& stream) { return stream->leased(); }));
  }

  std::vector<RecordingEvents> events;
  std::vector<std::unique_ptr<HttpStream>> streams;
};

}  // namespace

TEST_CASE("requests whose own connection is being made do not count as waiting for one") {
  PoolFixture fixture;
  fixture.options.pool.max_waiting = 1;
  fixture.Start();
  Burst burst(*fixture.upstream, 100);
  fixture.driver.Until([&] { return burst.Leased() == 100; });
  CHECK_EQ(burst.Told("closed pool_exhausted"), 0);
}

TEST_CASE("beyond max_size so many wait as max_waiting allows, and the rest are refused") {
  PoolFixture fixture;
  fixture.options.pool.max_size = 10;
  fixture.options.pool.max_waiting = 5;
  fixture.Start();
  Burst burst(*fixture.upstream, 40);
  fixture.driver.Until([&] { return burst.Leased() == 10; });
  fixture.driver.Settle();
  CHECK_EQ(burst.Told("closed pool_exhausted"), 25);
  CHECK_EQ(fixture.upstream->waiting(), 5);
  // With ten in use the bound is the same.
  Burst later(*fixture.upstream, 3);
  fixture.driver.Settle();
  CHECK_EQ(later.Told("closed pool_exhausted"), 3);
}

TEST_CASE("idle connections of another worker are room for this one's requests, and are given up for them") {
  PoolFixture fixture;
  fixture.options.pool.max_size = 6;
  fixture.options.pool.max_waiting = 0;
  fixture.StartWarm(6);
  OtherWorker other(fixture, {.index = 1, .workers = 7});
  Burst burst(*other.upstream, 6);
  fixture.driver.Until([&] {
    other.upstreams.Maintain();
    return burst.Leased() == 6;
  });
  CHECK_EQ(burst.Told("closed pool_exhausted"), 0);
}

TEST_CASE("no more than max_dialing connections are under way at a time, and all come about") {
  PoolFixture fixture;
  fixture.options.pool.max_dialing = 8;
  fixture.Start();
  Burst burst(*fixture.upstream, 100);
  size_t most = 0;
  fixture.driver.Until([&] {
    most = std::max(most, fixture.upstream->count(LinkState::kConnecting));
    return burst.Leased() == 100;
  });
  CHECK(most <= 8);
  CHECK(most > 0);
}

TEST_CASE("a part of max_dialing is each worker's own, and at least one dial") {
  CHECK_EQ((PoolShare{.index = 0, .workers = 3}.Of(8)), 3);
  CHECK_EQ((PoolShare{.index = 1, .workers = 3}.Of(8)), 3);
  CHECK_EQ((PoolShare{.index = 2, .workers = 3}.Of(8)), 2);
  PoolFixture fixture;
  fixture.options.pool.max_dialing = 1;
  fixture.Start();
  OtherWorker second(fixture, {.index = 1, .workers = 2});
  Burst burst(*second.upstream, 3);
  fixture.driver.Until([&] {
    second.upstreams.Maintain();
    return burst.Leased() == 3;
  });
}

TEST_CASE("a Unix socket whose queue is full is asked again, and nothing fails") {
  const std::string path = "/tmp/sheaf-burst-test-" + std::to_string(getpid());
  const net::Address address = net::Address::Resolve("unix:" + path).value();
  const auto file = net::Listener::Open(address, {.backlog = 4});
  const int listener = file.value()->Take();
  PoolFixture fixture;
  fixture.address = address;
  fixture.Adopt();
  Burst burst(*fixture.upstream, 50);
  fixture.driver.For(milliseconds(50));
  const size_t before = burst.Leased();
  CHECK(before >= 4);
  CHECK(before < 50);
  std::vector<int> accepted;
  fixture.driver.Until([&] {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) accepted.push_back(fd);
    return burst.Leased() == 50;
  });
  CHECK_EQ(fixture.metrics.pool_failed_total.value(), 0);
  for (const int fd : accepted) close(fd);
  close(listener);
}

TEST_CASE("a dial that finds no descriptor is our own shortage: told once, no failure of the backend, no back-off") {
  PoolFixture fixture;
  fixture.options.pool.backoff_min = fixture.options.pool.backoff_max = milliseconds(60'000);
  fixture.Start();
  fixture.endpoint.SetUp(fixture.driver.loop().now());
  LogRecorder log;
  RecordingEvents events;
  std::unique_ptr<HttpStream> stream;
  {
    const NoDescriptors none;
    stream = fixture.upstream->Send(Get(), events);
    fixture.driver.Settle();
  }
  CHECK(events.told.empty());
  CHECK_EQ(log.Count("no descriptor is left"), 1);
  CHECK_EQ(log.Count("Too many open files"), 1);
  CHECK_EQ(fixture.metrics.pool_failed_total.value(), 0);
  CHECK(fixture.endpoint.up());
  fixture.driver.Until([&] { return stream->leased(); });
}

TEST_CASE("who waits for a descriptor for longer than acquire_timeout is told that") {
  PoolFixture fixture;
  fixture.options.pool.acquire_timeout = milliseconds(50);
  fixture.Start();
  LogRecorder log;
  RecordingEvents events;
  const NoDescriptors none;
  const auto stream = fixture.upstream->Send(Get(), events);
  fixture.driver.Until([&] { return !events.told.empty(); });
  CHECK(events.told == Lines{"closed out_of_descriptors"});
}

TEST_CASE("auto keeps nothing warm where a dial costs nothing, else ten; a number is obeyed") {
  const auto warm = [](std::string_view url, uint32_t min_size = kAuto, uint32_t max_size = 10'000) {
    Options options;
    options.pool.min_size = min_size;
    options.pool.max_size = max_size;
    return WarmLinks(options.pool, UpstreamUrl::Parse(url).value());
  };
  for (const std::string_view url : {"http://127.0.0.1:8000", "http://127.9.9.9:8000", "http://localhost:8000",
                                     "http://[::1]:8000", "unix:/run/app.sock"}) {
    CAPTURE(url);
    CHECK_EQ(warm(url), 0);
    CHECK_EQ(warm(url, 3), 3);
  }
  for (const std::string_view url : {"https://127.0.0.1:8000", "http://backend:8000", "http://10.0.0.1:8000"}) {
    CAPTURE(url);
    CHECK_EQ(warm(url), 10);
    CHECK_EQ(warm(url, 0), 0);
    CHECK_EQ(warm(url, kAuto, 4), 4);
  }
}

}  // namespace sheaf::pool
