// How a mux link comes about, and what becomes of those that wait for it where it does not.
#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/fakes/log_recorder.h"
#include "tests/unit/pool/mux_fixture.h"

namespace sheaf::pool {
namespace {

using Lines = std::vector<std::string>;
using std::chrono::milliseconds;

constexpr char kNoMuxLine[] = "warning the backend does not speak mux: each WebSocket gets a connection of its own";

// Lets a client wait for a link that fails as `fail` makes it, and expects a connection of its own for it, told once.
void ExpectTunnel(const std::function<void(MuxFixture&)>& fail, std::string_view cause) {
  MuxFixture mux;
  mux.pool.options.pool.acquire_timeout = milliseconds(1000);
  LogRecorder log;
  mux.Begin();
  mux.plays = [](size_t peer) { return peer == 0; };
  MuxClient& client = mux.Connect();
  CHECK_EQ(mux.pool.upstream->waiting(), 1);
  fail(mux);
  mux.Until([&] { return mux.pool.backend.accepted() == 2 && !mux.pool.backend.received(1).empty(); });
  CHECK_EQ(mux.pool.backend.received(1), UpgradeHead());
  mux.pool.backend.Send(1, Switching());
  mux.Until([&] { return client.events.Told("head 101"); });
  // The next one does not wait for another attempt.
  mux.Connect();
  mux.Until([&] { return mux.pool.backend.accepted() == 3 && !mux.pool.backend.received(2).empty(); });
  CHECK_EQ(mux.pool.upstream->waiting(), 0);
  mux.Settle();
  CHECK_EQ(log.Count(kNoMuxLine), 1);
  CHECK_EQ(log.Count("warning"), 1);
  CHECK_EQ(log.Count(cause), 1);
  CHECK_EQ(mux.pool.metrics.mux_links_failed_total[MuxFailure::kNoMux].value(), 1);
  CHECK_EQ(mux.Links(MuxLinkState::kOpening), 0);
  CHECK_EQ(mux.Links(MuxLinkState::kReady), 0);
}

}  // namespace

TEST_CASE("a link is asked for before the first client comes, with its path, its subprotocol and the token") {
  MuxFixture mux;
  mux.Begin();
  const std::string& head = mux.app().head();
  CHECK(head.starts_with("GET /.sheaf/mux HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n"));
  for (const std::string line : {"Authorization: Bearer secret", "Sec-WebSocket-Protocol: sheaf-mux",
                                 "Sec-WebSocket-Version: 13", "Connection: Upgrade", "Upgrade: websocket"}) {
    CAPTURE(line);
    CHECK(head.find("\r\n" + line + "\r\n") != std::string::npos);
  }
  CHECK(head.find("Extensions") == std::string::npos);
  CHECK_EQ(mux.Links(MuxLinkState::kOpening), 1);
}

TEST_CASE("a link sends its HELLO at once, and nothing else before the app's has come") {
  MuxFixture mux;
  mux.Begin();
  mux.app().SwitchProtocols();
  MuxClient& client = mux.Connect();
  mux.Until([&] { return !mux.app().told.empty(); });
  mux.Settle();
  CHECK(mux.app().told == Lines{"hello"});
  mux.app().SayHello();
  mux.Until([&] { return mux.app().opened() == 1; });
  CHECK(mux.app().told == Lines{"hello", "open 1 /ws"});
  CHECK(client.events.told.empty());
  CHECK_EQ(mux.pool.metrics.mux_links_opened_total.value(), 1);
}

TEST_CASE("an OPEN says what the client asked for, in lower case") {
  MuxFixture mux;
  mux.Start();
  auto upgrade = OpenWebSocket("X-One: 1\r\n");
  upgrade->client = "192.0.2.1";
  upgrade->secure = true;
  upgrade->minor_version = 0;
  mux.Ask(upgrade);
  std::string wanted("\x01\x00\x00\x00\x09\x00", 6);
  wanted.append("192.0.2.1").append("\x03\x00/ws", 5);
  wanted += MuxFieldBlock({{"host", "x"},
                           {"sec-websocket-key", kWebSocketKey},
                           {"x-one", "1"},
                           {"connection", "Upgrade"},
                           {"upgrade", "websocket"}});
  CHECK(mux.app().opens[1] == wanted);
}

TEST_CASE("a backend that takes the link for a WebSocket of the application is tunnelled") {
  const auto answer = [](MuxFixture& mux) {
    mux.app().SwitchProtocols("");
    mux.Until([&] { return mux.app().Told("closed 1000"); });
  };
  ExpectTunnel(answer, "cause=it took the link for a WebSocket of the application");
}

TEST_CASE("a backend that refuses the link is tunnelled, and the log says what is likely wrong") {
  for (const int status : {401, 403, 404}) {
    CAPTURE(status);
    const std::string text = std::to_string(status);
    const auto refuse = [&text](MuxFixture& mux) {
      mux.app().SendBytes("HTTP/1.1 " + text + " No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
    };
    ExpectTunnel(refuse, "cause=it answered " + text +
                             (status == 401 ? ": upstream.token is not the middleware's"
                                            : ": no middleware is there, or upstream.token is not the middleware's"));
  }
}

TEST_CASE("a backend whose first words are no HELLO is tunnelled, and told of in one line") {
  for (const std::string& first : {MuxAccept(1), MuxRecordOf(wire::MuxType::kHello, 0, std::string(36, 'x')),
                                   MuxHelloOf({.lowest = 0, .highest = 1, .session_window = 65536}),
                                   MuxHelloOf({.lowest = 2, .highest = 1, .session_window = 65536})}) {
    const auto answer = [&first](MuxFixture& mux) {
      mux.app().SwitchProtocols();
      mux.app().Send(first);
      mux.Until([&] { return mux.app().Told("closed 1002"); });
    };
    ExpectTunnel(answer, "cause=its first words were none of mux");
  }
}

TEST_CASE("a backend that closes the link before its HELLO is tunnelled") {
  ExpectTunnel(
      [](MuxFixture& mux) {
        mux.app().SwitchProtocols();
        mux.app().SendBytes(ServerClose(1011, ""));
        mux.app().Close();
      },
      "cause=it closed the link before its HELLO");
  ExpectTunnel(
      [](MuxFixture& mux) {
        mux.app().SwitchProtocols();
        mux.Until([&] { return mux.app().Told("hello"); });
        mux.app().Close();
      },
      "cause=it ended the link before its HELLO");
}

TEST_CASE("an app without a version in common gets a Close in order, and is tunnelled") {
  ExpectTunnel(
      [](MuxFixture& mux) {
        mux.app().hello.lowest = 2;
        mux.app().hello.highest = 3;
        mux.app().Answer();
        mux.Until([&] { return mux.app().Told("closed 1000"); });
      },
      "cause=its version of sheaf-asgi is too new for this Sheaf");
}

TEST_CASE("an app of a later version that knows this one, too, is as good") {
  MuxFixture mux;
  mux.Begin();
  mux.app().hello.highest = 7;
  mux.app().Answer();
  mux.UntilReady(1);
  CHECK_EQ(mux.Open().id, 1);
}

TEST_CASE("those that wait for a HELLO that never comes get a connection of their own before their time is over") {
  ExpectTunnel([](MuxFixture& mux) { mux.app().SwitchProtocols(); }, "cause=its HELLO did not come in time");
}

TEST_CASE(
    "those that wait for a link whose handshake is not answered get a connection of their own, and it is retried") {
  MuxFixture mux;
  mux.pool.options.pool.acquire_timeout = milliseconds(1000);
  LogRecorder log;
  mux.Begin();
  mux.plays = [](size_t peer) { return peer == 0; };
  MuxClient& client = mux.Connect();
  mux.Until([&] { return mux.pool.backend.accepted() == 3; });
  mux.Settle();
  CHECK_EQ(mux.pool.backend.received(1), UpgradeHead());
  CHECK(mux.pool.backend.received(2).starts_with("GET /.sheaf/mux"));
  CHECK(client.events.told.empty());
  CHECK_EQ(log.Count("warning"), 0);
}

TEST_CASE("a backend that cannot be reached is told of as without mux, and those that wait are refused") {
  MuxFixture mux;
  mux.pool.options.pool.min_size = 1;
  mux.pool.backend.StopListening();
  LogRecorder log;
  mux.pool.Start();
  MuxClient& client = mux.Connect();
  mux.pool.driver.Until([&] { return !client.events.told.empty(); });
  CHECK(client.events.told == Lines{"closed upstream_connect_failed"});
  CHECK_EQ(log.Count(kNoMuxLine), 0);
  mux.pool.backend.ListenAgain();
  mux.Until([&] { return mux.pool.backend.accepted() > 0 && !mux.app().head().empty(); });
  mux.app().Answer();
  mux.UntilReady(1);
  mux.Open();
}

TEST_CASE("a link whose connection ends amid its handshake is tried again, and nobody is told that there is no mux") {
  MuxFixture mux;
  LogRecorder log;
  mux.Begin();
  mux.app().Close();
  mux.Until([&] { return mux.pool.backend.accepted() == 2 && !mux.app(1).head().empty(); });
  mux.app(1).Answer();
  mux.UntilReady(1);
  mux.Open(1);
  CHECK_EQ(log.Count("warning"), 0);
}

}  // namespace sheaf::pool
