// A backend of several endpoints: who gets what, who takes over, and what stays where.
#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "tests/fakes/frames.h"
#include "tests/fakes/pool_fixture.h"

namespace sheaf::pool {
namespace {

using Streams = std::vector<std::unique_ptr<HttpStream>>;

// The fixture's endpoint, and another one.
struct TwoEndpoints : PoolFixture {
  TwoEndpoints() {
    Start();
    Both();
  }
  void Both() { upstreams.SetEndpoints({shared.name, {shared.endpoints.front(), other}}); }
  void OnlyFirst() { upstreams.SetEndpoints(shared); }
  void OnlyOther() { upstreams.SetEndpoints({shared.name, {other}}); }
  void Until(const std::function<bool()>& done) {
    driver.Until([&] {
      other_backend.Poll();
      return done();
    });
  }
  void Settle() {
    driver.Settle();
    other_backend.Poll();
    driver.Settle();
  }
  EndpointRef first() const { return shared.endpoints.front(); }

  ScriptedBackend other_backend;
  const EndpointRef other = EndpointAt("http://127.0.0.1:8001", other_backend.address());
  RecordingEvents events;
};

std::unique_ptr<HttpStream> SendTo(TwoEndpoints& it, const EndpointRef& endpoint) {
  Placement placement;
  placement.endpoint = endpoint;
  return it.upstream->Send(Get(), it.events, std::move(placement));
}

}  // namespace

TEST_CASE("requests go to the endpoint that has the fewest, and count there until they end") {
  TwoEndpoints it;
  Streams streams;
  for (int i = 0; i < 10; ++i) streams.push_back(it.upstream->Send(Get(), it.events));
  CHECK_EQ(it.first()->sessions(), 5);
  CHECK_EQ(it.other->sessions(), 5);
  it.Until([&] { return it.backend.accepted() == 5 && it.other_backend.accepted() == 5; });
  std::erase_if(streams, [&](const auto& one) { return one->endpoint() == it.other; });
  CHECK_EQ(it.other->sessions(), 0);
  for (int i = 0; i < 4; ++i) {
    streams.push_back(it.upstream->Send(Get(), it.events));
    CHECK(streams.back()->endpoint() == it.other);
  }
  streams.clear();
  CHECK_EQ(it.first()->sessions() + it.other->sessions(), 0);
}

TEST_CASE("a WebSocket counts from its dial to the end of its connection, once") {
  TwoEndpoints it;
  it.OnlyFirst();
  auto handshake = it.OpenOn(0, OpenWebSocket(), it.events);
  CHECK_EQ(it.first()->sessions(), 1);
  it.backend.Send(0, Switching());
  it.driver.Until([&] { return it.events.Told("head 101"); });
  handshake.reset();
  CHECK_EQ(it.first()->sessions(), 1);
  CHECK(it.events.socket->endpoint() == it.first().get());
  it.backend.Close(0);
  it.driver.Until([&] { return it.first()->sessions() == 0; });
  CHECK(it.events.socket->endpoint() == nullptr);
}

TEST_CASE("a request whose session is counted by its sid does not count") {
  TwoEndpoints it;
  Placement placement;
  placement.endpoint = it.other;
  placement.counted = true;
  const auto stream = it.upstream->Send(Get(), it.events, std::move(placement));
  CHECK(stream->endpoint() == it.other);
  CHECK_EQ(it.other->sessions(), 0);
}

TEST_CASE("where an endpoint cannot be reached, its requests go to the other one, which nobody notices") {
  TwoEndpoints it;
  it.backend.StopListening();
  Streams streams;
  for (int i = 0; i < 6; ++i) streams.push_back(it.upstream->Send(Get(), it.events));
  it.Until([&] { return it.other_backend.accepted() == 6; });
  CHECK(it.first()->down());
  CHECK_FALSE(it.events.Told("closed"));
  CHECK_EQ(it.metrics.pool_failovers_total.value(), 3);
  CHECK_EQ(it.first()->sessions(), 0);
  CHECK_EQ(it.other->sessions(), 6);
}

TEST_CASE(
    "a request whose new connection ends before an answer goes to the other endpoint, once, if that does no harm") {
  TwoEndpoints it;
  it.other->SetDraining(true, it.driver.loop().now());
  auto get = it.OpenOn(0, Get("/get"), it.events);
  it.other->SetDraining(false, it.driver.loop().now());
  it.backend.Close(0);
  it.Until([&] { return it.other_backend.accepted() == 1 && !it.other_backend.received(0).empty(); });
  CHECK(it.other_backend.received(0).starts_with("GET /get "));
  CHECK(get->endpoint() == it.other);
  CHECK_EQ(it.metrics.pool_retries_total.value(), 1);
  CHECK_FALSE(it.events.Told("closed"));
  it.other_backend.Close(0);
  it.Until([&] { return it.events.Told("closed upstream_gone"); });

  it.other->SetDraining(true, it.driver.loop().now());
  RecordingEvents events;
  auto post = it.OpenOn(1, Upload(), events);
  it.other->SetDraining(false, it.driver.loop().now());
  it.backend.Close(1);
  it.Until([&] { return events.Told("closed upstream_gone"); });
  CHECK_EQ(it.other_backend.accepted(), 1);
}

TEST_CASE("a request that was sent to the only endpoint is not sent once more when there is another one by then") {
  TwoEndpoints it;
  it.OnlyFirst();
  const auto get = it.OpenOn(0, Get(), it.events);
  it.Both();
  it.backend.Close(0);
  it.Until([&] { return it.events.Told("closed upstream_gone"); });
  CHECK_EQ(it.other_backend.accepted(), 0);
}

TEST_CASE("a request that no endpoint takes is refused once, as if there were one") {
  TwoEndpoints it;
  it.backend.StopListening();
  it.other_backend.StopListening();
  const auto stream = it.upstream->Send(Get(), it.events);
  it.Until([&] { return it.events.Told("closed upstream_connect_failed"); });
  CHECK_EQ(it.metrics.pool_failovers_total.value(), 1);
  CHECK_EQ(it.upstream->waiting(), 0);
}

TEST_CASE("one that is known to be down gets nothing while its health is checked") {
  TwoEndpoints it;
  it.options.pool.health_check_interval = std::chrono::minutes(1);
  it.Adopt();
  it.Both();
  it.first()->Fail(it.driver.loop().now(), "gone", 1);
  Streams streams;
  for (int i = 0; i < 4; ++i) streams.push_back(it.upstream->Send(Get(), it.events));
  CHECK_EQ(it.other->sessions(), 4);
  it.first()->SetUp(it.driver.loop().now());
  streams.push_back(it.upstream->Send(Get(), it.events));
  CHECK_EQ(it.first()->sessions(), 1);
}

TEST_CASE("without health checks one that was down is tried again by a request, when its back-off is over") {
  TwoEndpoints it;
  it.backend.StopListening();
  Streams streams;
  streams.push_back(SendTo(it, it.first()));
  it.Until([&] { return it.first()->down() && it.other_backend.accepted() == 1; });
  it.backend.ListenAgain();
  it.Until([&] {
    streams.push_back(it.upstream->Send(Get(), it.events));
    return it.first()->up();
  });
  CHECK_FALSE(it.events.Told("closed"));
}

TEST_CASE("so many failures in a row make it be down, and one success makes it be up") {
  const EndpointRef it = EndpointAt("http://127.0.0.1:1", {});
  it->Fail(TimePoint{}, "x", 3);
  it->Fail(TimePoint{}, "x", 3);
  it->SetUp(TimePoint{});
  it->Fail(TimePoint{}, "x", 3);
  it->Fail(TimePoint{}, "x", 3);
  CHECK_FALSE(it->down());
  CHECK(it->up());
  it->Fail(TimePoint{}, "x", 3);
  CHECK(it->down());
  CHECK_FALSE(it->up());
  CHECK_EQ(it->counters().failures_total.load(), 5);
}

TEST_CASE(
    "a drained endpoint gets nothing new, but what belongs to it; when all are drained, new requests are refused") {
  TwoEndpoints it;
  it.first()->SetDraining(true, TimePoint{});
  Streams streams;
  for (int i = 0; i < 3; ++i) streams.push_back(it.upstream->Send(Get(), it.events));
  CHECK_EQ(it.other->sessions(), 3);
  streams.push_back(SendTo(it, it.first()));
  CHECK_EQ(it.first()->sessions(), 1);
  it.other->SetDraining(true, TimePoint{});
  const auto refused = it.upstream->Send(Get(), it.events);
  CHECK_FALSE(it.events.Told("closed"));  // not from within
  it.driver.Turn();
  CHECK(it.events.Told("closed upstream_drained"));
  it.first()->SetDraining(false, TimePoint{});
  streams.push_back(it.upstream->Send(Get(), it.events));
  CHECK_EQ(it.first()->sessions(), 2);
}

TEST_CASE("a request that no endpoint may have can be given up before it is told") {
  TwoEndpoints it;
  it.first()->SetDraining(true, TimePoint{});
  it.other->SetDraining(true, TimePoint{});
  auto stream = it.upstream->Send(Get(), it.events);
  CHECK_EQ(it.upstream->waiting(), 1);
  stream.reset();
  CHECK_EQ(it.upstream->waiting(), 0);
  it.driver.Turn();
  CHECK_FALSE(it.events.Told("closed"));
}

TEST_CASE("one that is not the backend's any more keeps its sessions, and what belongs to them goes there") {
  TwoEndpoints it;
  it.OnlyFirst();
  const auto handshake = it.OpenOn(0, OpenWebSocket(), it.events);
  it.backend.Send(0, Switching());
  it.driver.Until([&] { return it.events.Told("head 101"); });
  it.OnlyOther();
  it.Settle();
  it.backend.Send(0, ServerFrame(wire::Opcode::kText, "still here"));
  it.Until([&] { return it.events.Told("message still here"); });
  RecordingEvents polls;
  Placement placement;
  placement.endpoint = it.first();
  const auto poll = it.upstream->Send(Get("/poll"), polls, std::move(placement));
  it.Until([&] { return it.backend.accepted() == 2 && !it.backend.received(1).empty(); });
  it.backend.Answer(1);
  it.Until([&] { return polls.Told("end"); });
  it.Until([&] { return it.backend.open() == 1; });  // the poll's connection is not kept
  const auto next = it.upstream->Send(Get("/new"), polls);
  CHECK(next->endpoint() == it.other);
}

TEST_CASE("what belongs to an endpoint that no pool is left of still goes there") {
  TwoEndpoints it;
  it.OnlyOther();
  it.Settle();
  const auto stream = SendTo(it, it.first());
  it.Until([&] { return it.backend.accepted() == 1; });
  CHECK(stream->endpoint() == it.first());
}

TEST_CASE("an endpoint of another backend is nobody's that a request could name") {
  TwoEndpoints it;
  const EndpointRef foreign = EndpointAt("http://127.0.0.1:8002", it.backend.address(), "another");
  const auto stream = SendTo(it, foreign);
  CHECK(stream->endpoint() != foreign);
}

TEST_CASE("what waits for the first address of a name goes to the endpoints that it leads to") {
  TwoEndpoints it;
  const EndpointRef name = EndpointAt("http://name:80", {});
  it.upstreams.SetEndpoints({it.shared.name, {name}});
  Streams streams;
  for (int i = 0; i < 4; ++i) streams.push_back(it.upstream->Send(Get(), it.events));
  it.Settle();
  CHECK_EQ(name->sessions(), 4);
  it.Both();
  it.Until([&] { return it.backend.accepted() == 2 && it.other_backend.accepted() == 2; });
  CHECK_EQ(name->sessions(), 0);
}

TEST_CASE("one that comes back gets at most twice what the other gets, for slow_start") {
  TwoEndpoints it;
  it.options.pool.health_check_interval = std::chrono::minutes(1);
  it.Adopt();
  it.Both();
  const TimePoint now = it.driver.loop().now();
  it.first()->Fail(now, "gone", 1);
  Streams streams;
  for (int i = 0; i < 30; ++i) streams.push_back(it.upstream->Send(Get(), it.events));
  const uint32_t before = it.other->sessions();
  it.first()->SetUp(now);
  for (int i = 0; i < 12; ++i) streams.push_back(it.upstream->Send(Get(), it.events));
  CHECK(it.first()->sessions() >= 7);
  CHECK(it.first()->sessions() <= 2 * (it.other->sessions() - before) + 1);
  it.options.upstream.slow_start = std::chrono::milliseconds(0);
  it.Adopt();
  it.Both();
  const uint32_t settled = it.other->sessions();
  for (int i = 0; i < 6; ++i) streams.push_back(it.upstream->Send(Get(), it.events));
  CHECK_EQ(it.other->sessions(), settled);
}

}  // namespace sheaf::pool
