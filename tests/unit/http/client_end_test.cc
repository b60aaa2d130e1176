// How an HTTP connection ends: every order in which the client, the backend and a drain may come.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/http/client.h"
#include "proxy/http/peer.h"
#include "tests/fakes/context_fixture.h"
#include "tests/fakes/every_order.h"
#include "tests/fakes/scripted_backend.h"
#include "tests/fakes/sockets.h"

namespace sheaf {
namespace {

struct Fixture {
  Fixture() {
    worker.options.log.access = false;
    worker.options.pool.backoff_min = worker.options.pool.backoff_max = std::chrono::milliseconds(1);
    worker.every_turn = [this] {
      backend.Poll();
      if (Client* const soon = std::exchange(worker.home.soon, nullptr)) soon->ProcessHeld();
    };
    worker.Make(backend.address());
    client = std::make_unique<Client>(worker.context(), Peer{});
    REQUIRE(client->Start(sockets.own, nullptr));
  }
  ~Fixture() {
    client->Close(CloseReason::kDrain);
    worker.driver.Turn();
  }

  // What one end does:
  //   g  the client sends a request             a  the backend answers
  //   p  one of which half the body is here     h  it answers half
  //   q  the other half                         l  it breaks off
  //   f  the client's FIN                       d  a drain
  //   x  the client breaks off
  void Play(char event) {
    switch (event) {
      case 'g':
        ToServer("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        break;
      case 'p':
        ToServer("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello");
        break;
      case 'q':
        ToServer("world");
        break;
      case 'f':
        if (sockets.peer->fd() >= 0) sockets.peer->FinishSending();
        break;
      case 'x':
        sockets.peer->Read();
        sockets.peer->Reset();
        break;
      case 'a':
        ToProxy("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        break;
      case 'h':
        ToProxy("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
        break;
      case 'l':
        if (asked()) backend.Reset(backend.accepted() - 1);
        lost_ = backend.accepted();
        break;
      default:
        worker.BeginDrain();
        client->Drain();
    }
    worker.driver.Settle();
  }

  void Play(std::string_view events) {
    for (const char event : events) {
      if (!over()) Play(event);
    }
    if (sockets.peer->fd() >= 0) sockets.peer->Read();
  }

  bool over() const { return worker.home.retired > 0; }
  uint64_t Ends() const {
    uint64_t all = 0;
    for (size_t i = 0; i < kCloseReasonCount; ++i) all += worker.metrics.client_closes_total.at(i).value();
    return all;
  }
  // The label of the reason.
  std::string_view EndedFor() const {
    for (size_t i = 0; i < kCloseReasonCount; ++i) {
      if (worker.metrics.client_closes_total.at(i).value() > 0) return Describe(static_cast<CloseReason>(i)).label;
    }
    return "";
  }
  size_t Leases() { return worker.upstream().count(pool::LinkState::kActive); }
  const std::string& Got() { return sockets.peer->received; }

  ScriptedBackend backend;
  TcpPair sockets;
  ContextFixture worker;
  std::unique_ptr<Client> client;

 private:
  void ToServer(std::string_view bytes) {
    if (sockets.peer->fd() >= 0) sockets.peer->SendSome(bytes);
  }
  // The backend's latest connection stands, and a request has come on it.
  bool asked() const {
    const size_t last = backend.accepted();
    return last > lost_ && !backend.received(last - 1).empty() && !backend.ended(last - 1);
  }
  void ToProxy(std::string_view bytes) {
    if (asked()) backend.Send(backend.accepted() - 1, bytes);
  }

  size_t lost_ = 0;  // connections up to this one are broken
};

size_t Count(std::string_view text, std::string_view part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

}  // namespace

TEST_CASE("in whatever order the ends speak, a connection ends once, and leases nothing any more") {
  const std::vector<std::string> orders = EveryOrder("gpqfxahld", 4);
  CHECK_EQ(orders.size(), 9 + 9 * 8 + 9 * 8 * 7 + 9 * 8 * 7 * 6);
  for (const std::string& order : orders) {
    CAPTURE(order);
    Fixture fixture;
    fixture.Play(order);
    fixture.client->Close(CloseReason::kDrain);
    fixture.client->Close(CloseReason::kDrain);  // twice does no harm
    fixture.worker.driver.Settle();
    CHECK_EQ(fixture.worker.home.retired, 1);
    CHECK_EQ(fixture.worker.home.lingering.size() + fixture.worker.home.connections_over, 1);
    CHECK_EQ(fixture.Ends(), 1);
    CHECK_EQ(fixture.worker.metrics.http_requests_active.value(), 0);
    CHECK_EQ(fixture.Leases(), 0);
    CHECK(Count(fixture.Got(), "HTTP/1.1 ") <= Count(order, "g") + Count(order, "p") + Count(order, "q"));
  }
}

TEST_CASE("what a client gets, and why its connection ends") {
  struct Row {
    const char* events;
    const char* got;  // the beginning
    CloseReason reason;
  };
  const Row rows[] = {
      {"ga", "HTTP/1.1 200 OK", CloseReason::kNone},
      {"gfa", "HTTP/1.1 200 OK", CloseReason::kDone},
      {"gda", "HTTP/1.1 200 OK", CloseReason::kDone},
      {"gx", "", CloseReason::kClientGone},
      {"pf", "", CloseReason::kClientGone},
      {"pqa", "HTTP/1.1 200 OK", CloseReason::kNone},
      {"gah", "HTTP/1.1 200 OK", CloseReason::kNone},
      {"f", "", CloseReason::kClientGone},
      {"ghl", "HTTP/1.1 200 OK", CloseReason::kUpstreamTruncated},
  };
  for (const Row& row : rows) {
    const std::string events = row.events;
    CAPTURE(events);
    Fixture fixture;
    fixture.Play(events);
    CHECK_EQ(fixture.Got().substr(0, std::string_view("HTTP/1.1 200 OK").size()), row.got);
    if (row.reason == CloseReason::kNone) {
      CHECK_FALSE(fixture.over());
    } else {
      CHECK(fixture.over());
      CHECK_EQ(fixture.EndedFor(), Describe(row.reason).label);
    }
  }
}

TEST_CASE("a request that may not be sent again is answered 502 when the backend breaks off") {
  Fixture fixture;
  fixture.Play("pql");
  CHECK(fixture.Got().starts_with("HTTP/1.1 502 "));
  CHECK_EQ(Count(fixture.backend.received(0), "POST"), 1);
  CHECK_EQ(fixture.backend.accepted(), 1);
}

}  // namespace sheaf
