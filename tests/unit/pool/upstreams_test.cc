// A worker's backends together: found by their name, counted by those who want them, gone when nothing of them is left.
#include "pool/upstreams.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>

#include "tests/fakes/frames.h"
#include "tests/fakes/pool_fixture.h"

namespace sheaf::pool {
namespace {

using std::chrono::milliseconds;

// A second backend beside the fixture's.
struct TwoBackends : PoolFixture {
  explicit TwoBackends(uint32_t warm = 0) {
    options.pool.min_size = warm;
    Start();
    second = upstreams.Take(other, Settings());
  }
  void Until(const std::function<bool()>& done) {
    driver.Until([&] {
      other_backend.Poll();
      return done();
    });
  }

  ScriptedBackend other_backend;
  const Backend other = OneEndpoint("http://127.0.0.1:8001", other_backend.address(), "other");
  UpstreamRef second;
};

}  // namespace

TEST_CASE("what an endpoint is reached with makes another one of it") {
  const BackendOptions base;
  const auto differs = [&base](auto change) {
    BackendOptions changed;
    change(changed);
    return Reach::KeyOf("http://x", changed) != Reach::KeyOf("http://x", base);
  };
  CHECK_FALSE(differs([](BackendOptions& one) { one.connect_timeout = milliseconds(1); }));
  CHECK(differs([](BackendOptions& one) { one.tls_ca = "/ca.pem"; }));
  CHECK(differs([](BackendOptions& one) { one.tls_server_name = "/ca.pem"; }));
  CHECK(differs([](BackendOptions& one) { one.tls_verify = false; }));
  CHECK(Reach::KeyOf("http://y", base) != Reach::KeyOf("http://x", base));
}

TEST_CASE("an endpoint that cannot be is told with the option that is wrong") {
  const auto bad_url = Reach::Make("ftp://x", {});
  REQUIRE_FALSE(bad_url.ok());
  CHECK(bad_url.error().starts_with("upstream.url: "));
  BackendOptions options;
  options.tls_ca = "/no/such/file.pem";
  const auto bad_ca = Reach::Make("https://x", options);
  REQUIRE_FALSE(bad_ca.ok());
  CHECK(bad_ca.error().find("/no/such/file.pem") != std::string::npos);
  options = {};
  CHECK_EQ(Reach::Make("https://x", options).value()->server_name, "x");
  options.tls_server_name = "y";
  CHECK_EQ(Reach::Make("https://x", options).value()->server_name, "y");
}

TEST_CASE("a backend is found by its name, whatever its endpoints") {
  PoolFixture fixture;
  fixture.Start();
  const Backend again = OneEndpoint("http://127.0.0.1:8001", fixture.address);
  const UpstreamRef same = fixture.upstreams.Take(again, fixture.Settings());
  CHECK_EQ(&*same, &*fixture.upstream);
  CHECK_EQ(fixture.upstreams.size(), 1);
}

TEST_CASE("the gauges are of all backends together, and one that is down makes the whole count as down") {
  TwoBackends two(2);
  two.Until([&] { return two.Idle() == 2 && two.second->count(LinkState::kIdle) == 2; });
  CHECK_EQ(two.metrics.pool_links[LinkState::kIdle].value(), 4);
  two.Until([&] { return two.metrics.upstream_up.value() == 1; });
  two.other.endpoints.front()->Fail(TimePoint{}, "gone", 1);
  two.Until([&] { return two.metrics.upstream_up.value() == 0; });
  two.second = {};
  two.Until([&] { return two.upstreams.size() == 1; });
  CHECK_EQ(two.metrics.pool_links[LinkState::kIdle].value(), 2);
  two.Until([&] { return two.metrics.upstream_up.value() == 1; });
}

TEST_CASE("each backend's requests go to it, and so do the addresses of its name") {
  TwoBackends two;
  two.upstreams.SetEndpoints(OneEndpoint("http://name:80", {}, "other"));
  RecordingEvents first, second;
  const auto one = two.OpenOn(0, Get("/one"), first);
  const auto other = two.second->Send(Get("/other"), second);
  two.driver.Settle();
  CHECK_FALSE(other->leased());
  two.upstreams.SetEndpoints(two.other);
  two.Until([&] { return two.other_backend.accepted() == 1 && !two.other_backend.received(0).empty(); });
  CHECK(two.other_backend.received(0).starts_with("GET /other "));
  CHECK_EQ(two.backend.accepted(), 1);
}

TEST_CASE("one that nobody wants any more closes what lies idle, and goes when its last stream has ended") {
  PoolFixture fixture;
  fixture.StartWarm(2);
  RecordingEvents events;
  const auto stream = fixture.OpenOn(1, Get(), events);
  fixture.upstream = {};
  fixture.driver.Until([&] { return fixture.backend.open() == 1; });
  fixture.driver.Settle();
  CHECK_EQ(fixture.upstreams.size(), 1);
  CHECK(stream->leased());
  fixture.backend.Answer(1);
  fixture.driver.Until([&] { return events.Told("end"); });
  fixture.driver.Until([&] { return fixture.upstreams.size() == 0; });
  CHECK_EQ(fixture.backend.open(), 0);
  CHECK(fixture.budget->TakeLink());
}

TEST_CASE("a WebSocket, and a request that waits, outlive the last reference to their backend") {
  PoolFixture fixture;
  fixture.options.pool.max_size = 1;
  fixture.Start();
  RecordingEvents socket, request;
  const auto handshake = fixture.OpenOn(0, OpenWebSocket(), socket);
  fixture.backend.Send(0, Switching());
  fixture.driver.Until([&] { return socket.Told("head 101"); });
  const auto waiting = fixture.upstream->Send(Get(), request);
  fixture.upstream = {};
  fixture.driver.Settle();
  fixture.backend.Send(0, ServerFrame(wire::Opcode::kText, "still here"));
  fixture.driver.Until([&] { return socket.Told("message still here"); });
  CHECK_EQ(fixture.upstreams.size(), 1);
  socket.socket->SendClose(1000, "");
  socket.socket->Close(CloseReason::kClientClosed);
  fixture.backend.Close(0);
  fixture.AwaitRequest(1);
  fixture.backend.Answer(1);
  fixture.driver.Until([&] { return request.Told("end"); });
  fixture.driver.Until([&] { return fixture.upstreams.size() == 0; });
}

TEST_CASE("one that is wanted again before it has gone goes on") {
  PoolFixture fixture;
  fixture.StartWarm(1);
  RecordingEvents events;
  const auto stream = fixture.OpenOn(0, Get(), events);
  Upstream* const before = &*fixture.upstream;
  fixture.upstream = {};
  fixture.driver.Settle();
  fixture.Adopt();
  CHECK_EQ(&*fixture.upstream, before);
  fixture.driver.Until([&] { return fixture.Idle() == 1; });  // warm again
  fixture.backend.Answer(0);
  fixture.driver.Until([&] { return events.Told("end"); });
  CHECK_EQ(fixture.Idle(), 2);
}

TEST_CASE("a dial for nobody does not outlive the last reference") {
  PoolFixture fixture;
  fixture.options.pool.min_size = 1;
  fixture.Adopt();
  fixture.upstreams.Maintain();
  CHECK_EQ(fixture.upstream->count(LinkState::kConnecting), 1);
  fixture.upstream = {};
  fixture.driver.Until([&] { return fixture.upstreams.size() == 0; });
  CHECK(fixture.budget->TakeLink());
}

TEST_CASE("copies of a reference count, and what is moved does not count twice") {
  PoolFixture fixture;
  fixture.Start();
  UpstreamRef copy = fixture.upstream;
  const UpstreamRef moved = std::move(copy);
  CHECK_FALSE(static_cast<bool>(copy));
  fixture.upstream = {};
  fixture.driver.Settle();
  CHECK_EQ(fixture.upstreams.size(), 1);
  CHECK(moved->wanted());
}

TEST_CASE("a drain closes the idle ones of all backends, and one that comes later keeps none") {
  TwoBackends two(1);
  two.Until([&] { return two.Idle() == 1 && two.second->count(LinkState::kIdle) == 1; });
  CHECK_EQ(two.upstreams.CloseSpare(), 0);
  two.upstreams.Drain();
  two.Until([&] { return two.backend.open() == 0 && two.other_backend.open() == 0; });
  const UpstreamRef late =
      two.upstreams.Take(OneEndpoint("http://127.0.0.1:8002", two.address, "third"), two.Settings());
  two.driver.Settle();
  CHECK_EQ(late->count(LinkState::kIdle) + late->count(LinkState::kConnecting), 0);
}

}  // namespace sheaf::pool
