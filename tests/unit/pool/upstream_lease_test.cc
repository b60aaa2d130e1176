// Which idle connection a request gets: none on which the backend has spoken or ended, and one that is sure to be open
// if the request may not be repeated.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "pool/upstream.h"
#include "tests/fakes/pool_fixture.h"

namespace sheaf::pool {
namespace {

using std::chrono::milliseconds;
using Lines = std::vector<std::string>;

HttpRequest Post() {
  HttpRequest request = Request("POST");
  request.body = wire::BodyKind::kNone;
  return request;
}

// Serves one request on the first connection, which lies idle then.
void ServeOne(PoolFixture& fixture) {
  RecordingEvents events;
  const auto stream = fixture.OpenOn(0, Get(), events);
  fixture.backend.Forget(0);
  fixture.backend.Answer(0);
  fixture.driver.Until([&] { return events.Told("end"); });
  REQUIRE_EQ(fixture.Idle(), 1);
}

// The connection on which the backend gets this request.
size_t ServedOn(PoolFixture& fixture, HttpRequest request) {
  RecordingEvents events;
  const auto stream = fixture.upstream->Send(std::move(request), events);
  size_t served = SIZE_MAX;
  fixture.driver.Until([&] {
    for (size_t i = 0; i < fixture.backend.accepted(); ++i) {
      if (!fixture.backend.received(i).empty()) served = i;
    }
    return served != SIZE_MAX;
  });
  return served;
}

}  // namespace

TEST_CASE("a connection whose end has come, but was not read yet, is not leased") {
  PoolFixture fixture;
  fixture.Start();
  ServeOne(fixture);
  fixture.backend.Close(0);
  // Without a turn in between, as in a turn that reads the client first.
  RecordingEvents events;
  const auto stream = fixture.upstream->Send(Post(), events);
  CHECK_FALSE(stream->leased());
  fixture.driver.Until([&] { return fixture.backend.accepted() == 2 && !fixture.backend.received(1).empty(); });
  CHECK_EQ(fixture.Evicted(CloseReason::kUpstreamClosed), 1);
  CHECK(events.told.empty());
}

TEST_CASE("what the backend said unasked never becomes an answer") {
  PoolFixture fixture;
  fixture.Start();
  ServeOne(fixture);
  fixture.backend.Send(0, "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nforeign");
  RecordingEvents events;
  const auto stream = fixture.upstream->Send(Get(), events);
  fixture.driver.Until([&] { return fixture.backend.accepted() == 2 && !fixture.backend.received(1).empty(); });
  fixture.backend.Answer(1, "own");
  fixture.driver.Until([&] { return events.Told("end"); });
  CHECK(events.told == Lines{"head 200", "body own", "end"});
  CHECK_EQ(fixture.Evicted(CloseReason::kUpstreamProtocolError), 1);
}

TEST_CASE("a request that may not be repeated takes a connection that was used a moment ago") {
  PoolFixture fixture;
  fixture.Start();
  ServeOne(fixture);
  CHECK_EQ(ServedOn(fixture, Post()), 0);
}

TEST_CASE("a request that may not be repeated takes a new connection after a second, in place of the idle one") {
  PoolFixture fixture;
  fixture.Start();
  ServeOne(fixture);
  fixture.driver.For(milliseconds(1010));
  CHECK_EQ(ServedOn(fixture, Post()), 1);
  CHECK_EQ(fixture.Evicted(CloseReason::kUpstreamIdle), 1);
  CHECK(fixture.backend.ended(0));
}

TEST_CASE("a request that may be repeated takes the idle connection after a second, too") {
  PoolFixture fixture;
  fixture.Start();
  ServeOne(fixture);
  fixture.driver.For(milliseconds(1010));
  CHECK_EQ(ServedOn(fixture, Get()), 0);
}

TEST_CASE("a connection that was never used serves what may not be repeated, however old") {
  PoolFixture fixture;
  fixture.StartWarm(1);
  fixture.driver.For(milliseconds(1010));
  CHECK_EQ(ServedOn(fixture, Post()), 0);
}

TEST_CASE("after the backend has closed one early, what may not be repeated takes none that is idle for half so long") {
  PoolFixture fixture;
  fixture.Start();
  ServeOne(fixture);
  fixture.driver.For(milliseconds(100));
  fixture.backend.Close(0);
  fixture.driver.Until([&] { return fixture.Idle() == 0; });
  RecordingEvents events;
  const auto stream = fixture.OpenOn(1, Get(), events);
  fixture.backend.Forget(1);
  fixture.backend.Answer(1);
  fixture.driver.Until([&] { return events.Told("end"); });
  fixture.driver.For(milliseconds(70));
  CHECK_EQ(ServedOn(fixture, Post()), 2);
}

TEST_CASE("a connection that has served is closed after idle_timeout, one that has not stays") {
  PoolFixture fixture;
  fixture.options.pool.idle_timeout = milliseconds(150);
  fixture.StartWarm(2);
  RecordingEvents events;
  auto stream = fixture.upstream->Send(Get(), events);
  size_t served = 0;
  fixture.driver.Until([&] {
    served = fixture.backend.received(0).empty() ? 1 : 0;
    return !fixture.backend.received(served).empty();
  });
  fixture.backend.Answer(served);
  fixture.driver.Until([&] { return events.Told("end"); });
  fixture.driver.Until([&] { return fixture.backend.ended(served); });
  CHECK_EQ(fixture.Evicted(CloseReason::kUpstreamIdle), 1);
  fixture.driver.For(milliseconds(300));
  CHECK_FALSE(fixture.backend.ended(1 - served));
}

TEST_CASE("a connection whose request was given up before it stood goes after idle_timeout, unless min_size keeps it") {
  for (const uint32_t min_size : {0U, 1U}) {
    CAPTURE(min_size);
    PoolFixture fixture;
    fixture.options.pool.min_size = min_size;
    fixture.options.pool.idle_timeout = milliseconds(150);
    fixture.Start();
    RecordingEvents events;
    auto first = fixture.upstream->Send(Get(), events);
    auto second = fixture.upstream->Send(Get(), events);
    fixture.upstreams.Maintain();
    first.reset();
    second.reset();
    fixture.driver.Until([&] { return fixture.Idle() >= 2; });
    fixture.driver.Until([&] { return fixture.Idle() == min_size; });
    fixture.driver.For(milliseconds(300));
    CHECK_EQ(fixture.Idle(), min_size);
  }
}

TEST_CASE("a connection in use for longer than idle_timeout stays") {
  PoolFixture fixture;
  fixture.options.pool.idle_timeout = milliseconds(100);
  fixture.Start();
  RecordingEvents events;
  const auto stream = fixture.OpenOn(0, Get(), events);
  fixture.backend.Send(0, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha");
  fixture.driver.For(milliseconds(400));
  fixture.backend.Send(0, "lf");
  fixture.driver.Until([&] { return events.Told("end"); });
  CHECK(events.told == Lines{"head 200", "body half", "end"});
}

}  // namespace sheaf::pool
