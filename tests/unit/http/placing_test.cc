// Where a request goes among endpoints, and what is learnt from the answer to a handshake of Engine.IO.
#include "proxy/http/placing.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "pool/affinity.h"
#include "pool/balance.h"
#include "tests/fakes/context_fixture.h"
#include "tests/fakes/log_recorder.h"

namespace sheaf {
namespace {

constexpr char kOpen[] = R"(0{"sid":"abc","upgrades":["websocket"],"pingTimeout":20000,"pingInterval":25000})";

struct Fixture {
  void Make() { worker.Make(); }
  Placing Place(const std::string& target, const std::string& fields = "") {
    head = "GET " + target + " HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n";
    REQUIRE_FALSE(wire::ParseRequestHead(head, wire::HeadLimits{}, request));
    return PlaceRequest(worker.context(), request, target, "192.0.2.1", worker.plan());
  }
  Placing PlaceUpgrade(const std::string& target) {
    return Place(target,
                 "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
  }
  // A handshake's answer from `endpoint`, in two pieces.
  void Answer(const std::string& fields = "", const std::string& body = kOpen) {
    const Placing placing = Place("/socket.io/?EIO=4&transport=polling");
    REQUIRE(placing.learner);
    wire::ResponseHead response;
    const std::string text = "HTTP/1.1 200 OK\r\n" + fields + "\r\n";
    REQUIRE(wire::ParseResponseHead(text, wire::HeadLimits{}, "GET", response));
    placing.learner->OnHead(response, endpoint);
    placing.learner->OnBody(std::string_view(body).substr(0, 20));
    placing.learner->OnBody(std::string_view(body).substr(20));
    placing.learner->OnEnd();
  }

  ContextFixture worker;
  const pool::EndpointRef endpoint = EndpointAt("http://127.0.0.1:8001", {});
  std::string head;
  wire::RequestHead request;
};

}  // namespace

TEST_CASE("what has nothing to do with Engine.IO goes as balance says, and nothing is learnt") {
  Fixture it;
  it.Make();
  for (const std::string target : {"/", "/socket.io/", "/x?sid=abc&transport=polling"}) {
    CAPTURE(target);
    const Placing placing = it.Place(target);
    CHECK_FALSE(placing.placement.endpoint);
    CHECK_FALSE(placing.learner);
    CHECK_FALSE(placing.placement.counted);
  }
}

TEST_CASE(
    "the sid of a handshake is learnt, and its polls and posts go there, counted as the session that they are of") {
  Fixture it;
  it.Make();
  CHECK_FALSE(it.Place("/socket.io/?EIO=4&transport=polling&sid=abc").placement.endpoint);
  it.Answer();
  CHECK_EQ(it.endpoint->sessions(), 1);
  const Placing poll = it.Place("/socket.io/?EIO=4&transport=polling&sid=abc");
  CHECK(poll.placement.endpoint == it.endpoint);
  CHECK(poll.placement.counted);
  CHECK_FALSE(poll.learner);
  CHECK_FALSE(it.Place("/socket.io/?EIO=4&transport=polling&sid=abd").placement.endpoint);
}

TEST_CASE("an upgrade goes there too, counts itself, and holds the sid") {
  Fixture it;
  it.Make();
  it.Answer();
  {
    const Placing upgrade = it.PlaceUpgrade("/socket.io/?EIO=4&transport=websocket&sid=abc");
    CHECK(upgrade.placement.endpoint == it.endpoint);
    CHECK_FALSE(upgrade.placement.counted);
    CHECK(static_cast<bool>(upgrade.placement.hold));
    CHECK_EQ(it.endpoint->sessions(), 0);
  }
  CHECK(it.Place("/socket.io/?EIO=4&transport=polling&sid=abc").placement.endpoint == it.endpoint);
  CHECK_EQ(it.endpoint->sessions(), 1);
}

TEST_CASE("a handshake over a WebSocket has nothing to be learnt: all of its session goes the same way") {
  Fixture it;
  it.Make();
  CHECK_FALSE(it.PlaceUpgrade("/socket.io/?EIO=4&transport=websocket").learner);
}

TEST_CASE("a compressed answer is not learnt, and told of once") {
  Fixture it;
  it.Make();
  LogRecorder log;
  SetLogLevel(LogLevel::kWarning);
  it.Answer("Content-Encoding: gzip\r\n");
  it.Answer("Content-Encoding: gzip\r\n");
  CHECK_EQ(it.endpoint->sessions(), 0);
  REQUIRE_EQ(log.lines.size(), 1);
  CHECK(log.lines[0].find("compressed") != std::string::npos);
}

TEST_CASE("with affinity off nothing is learnt, and nobody is asked") {
  Fixture it;
  it.worker.options.upstream.affinity = AffinityMode::kNone;
  it.Make();
  CHECK_FALSE(it.Place("/socket.io/?EIO=4&transport=polling").learner);
}

TEST_CASE("by hash a request goes by its key, and by its client's address without one") {
  Fixture it;
  it.worker.options.upstream.balance = Balance::kHash;
  it.worker.options.upstream.balance_key = "header:X-User";
  it.Make();
  CHECK_EQ(it.Place("/", "X-User: kim\r\n").placement.hash, pool::HashText("kim"));
  CHECK_EQ(it.Place("/").placement.hash, pool::HashText("192.0.2.1"));
}

}  // namespace sheaf
