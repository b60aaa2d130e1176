// The mux links of a pool over time: how many there are, who gets what, and how they end.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/fakes/log_recorder.h"
#include "tests/unit/pool/mux_fixture.h"

namespace sheaf::pool {
namespace {

using Lines = std::vector<std::string>;
using std::chrono::milliseconds;

// Waits for connection `peer` to ask for a link, and answers.
void Answer(MuxFixture& mux, size_t peer, uint64_t process = 1) {
  mux.Until([&] { return mux.pool.backend.accepted() > peer && !mux.app(peer).head().empty(); });
  mux.app(peer).hello.process = process;
  mux.app(peer).Answer();
}

}  // namespace

TEST_CASE("sessions of a link that is lost are told that the backend is gone, handshakes go to another connection") {
  for (const bool reset : {false, true}) {
    MuxFixture mux;
    mux.Start();
    MuxClient& client = mux.Open();
    MuxClient& asking = mux.Ask();
    reset ? mux.pool.backend.Reset(0) : mux.app().Close();
    mux.plays = [](size_t) { return false; };
    mux.Until([&] { return client.events.Told("closed upstream_gone"); });
    mux.Until([&] { return mux.pool.backend.accepted() == 3; });
    mux.Settle();
    const std::string both = mux.pool.backend.received(1) + mux.pool.backend.received(2);
    CHECK(both.find(UpgradeHead()) != std::string::npos);
    CHECK(both.find("GET /.sheaf/mux") != std::string::npos);
    CHECK(asking.events.told.empty());
    CHECK_EQ(client.events.told.size(), 1);
    CHECK_EQ(mux.Sessions(), 0);
  }
}

TEST_CASE("an app that closes the link in order ends its sessions as one that is gone") {
  MuxFixture mux;
  mux.Start();
  MuxClient& client = mux.Open();
  mux.app().Send(MuxText(1, "last"));
  mux.app().SendBytes(ServerClose(1012, ""));
  mux.Until([&] { return mux.app().Told("closed 1012"); });
  CHECK(client.events.told == Lines{"message last", "closed upstream_gone"});
}

TEST_CASE("a second link is made when the first is full, and new sessions go to the one with the fewest") {
  MuxFixture mux;
  mux.pool.options.pool.sessions_per_link = 2;
  mux.Start();
  mux.Open();
  mux.Open();
  MuxClient& third = mux.Connect();
  CHECK(mux.pool.upstream->waiting() > 0);
  Answer(mux, 1);
  mux.Until([&] { return mux.app(1).opened() == 1; });
  CHECK_EQ(mux.pool.upstream->waiting(), 0);
  mux.app(1).Send(MuxAccept(1));
  mux.Until([&] { return third.events.Told("head 101"); });
  mux.Say(MuxClose(1, 1000) + MuxClose(2, 1000));
  mux.Ask();
  CHECK_EQ(mux.app(0).opened(), 3);
}

TEST_CASE("where pool.max_size is reached no second link is made, and those that wait are refused in time") {
  MuxFixture mux;
  mux.pool.options.pool.sessions_per_link = 1;
  mux.pool.options.pool.max_size = 1;
  mux.pool.options.pool.acquire_timeout = milliseconds(300);
  mux.Start();
  mux.Open();
  MuxClient& second = mux.Connect();
  mux.Until([&] { return !second.events.told.empty(); });
  CHECK(second.events.told == Lines{"closed pool_exhausted"});
  CHECK_EQ(mux.pool.backend.accepted(), 1);
  CHECK_EQ(mux.Sessions(), 1);
}

TEST_CASE("after the app's GOAWAY new sessions go to another link, and the old ones stay until their end") {
  MuxFixture mux;
  mux.Start();
  MuxClient& client = mux.Open();
  MuxClient& asking = mux.Ask();
  mux.Say(MuxGoawayOf(2) + MuxAccept(2) + MuxText(1, "still"));
  CHECK(client.events.told == Lines{"message still"});
  CHECK(asking.events.Told("head 101"));
  Answer(mux, 1);
  mux.UntilReady(1);
  mux.Open(1);
  CHECK_EQ(mux.app().opened(), 2);
  mux.Say(MuxClose(1, 1000) + MuxClose(2, 1000));
  mux.Until([&] { return mux.app().Told("closed 1000"); });
  CHECK_EQ(mux.Links(MuxLinkState::kLeaving), 0);
}

TEST_CASE("an app that does not keep the links that it takes is asked ten times a second") {
  for (const bool leaves : {false, true}) {
    CAPTURE(leaves);
    MuxFixture mux;
    const TimePoint begun = mux.pool.driver.loop().now();
    mux.Start();
    for (size_t peer = 0; peer < 3; ++peer) {
      leaves ? mux.app(peer).Send(MuxGoawayOf(2)) : mux.app(peer).Close();
      Answer(mux, peer + 1);
    }
    CHECK(mux.pool.driver.loop().now() - begun >= milliseconds(300));
  }
}

TEST_CASE("a link of its age is replaced, says GOAWAY when the other is there, and ends with its last session") {
  MuxFixture mux;
  mux.pool.options.pool.max_lifetime = milliseconds(200);
  mux.Start();
  MuxClient& client = mux.Open();
  Answer(mux, 1);
  CHECK_FALSE(mux.app().Told("goaway 1"));
  mux.Until([&] { return mux.app(1).Told("hello"); });
  mux.Until([&] { return mux.app().Told("goaway 1"); });
  mux.Say(MuxText(1, "still"));
  CHECK(client.events.told == Lines{"message still"});
  client.events.socket.reset();
  mux.Until([&] { return mux.app().Told("closed 1000"); });
}

TEST_CASE("a link that does not answer pings is given up after timeouts.stall, one that does is not") {
  MuxFixture mux;
  mux.pool.options.timeouts.stall = milliseconds(300);
  mux.Start();
  MuxClient& client = mux.Open();
  mux.Until([&] { return mux.app().pings > 0; });
  mux.pool.driver.For(milliseconds(500));
  mux.Settle();
  CHECK(client.events.told.empty());

  MuxFixture silent;
  silent.pool.options.timeouts.stall = milliseconds(300);
  silent.app().answers_pings = false;
  silent.Start();
  MuxClient& lost = silent.Open();
  silent.Until([&] { return !lost.events.told.empty(); });
  CHECK(lost.events.told == Lines{"closed upstream_gone"});
}

TEST_CASE("where processes share an address more links are made, Engine.IO is tunnelled, and the log says so once") {
  MuxFixture mux;
  LogRecorder log;
  mux.Begin();
  mux.app().hello.siblings = true;
  mux.app().Answer();
  mux.Until([&] { return mux.pool.backend.accepted() == 8; });
  for (size_t peer = 1; peer < 8; ++peer) Answer(mux, peer, 1 + peer % 2);
  mux.UntilReady(8);
  for (int i = 0; i < 8; ++i) mux.Connect();
  mux.Until([&] {
    size_t opened = 0;
    for (size_t peer = 0; peer < 8; ++peer) opened += mux.app(peer).opened();
    return opened == 8;
  });
  mux.plays = [](size_t peer) { return peer < 8; };
  for (int i = 0; i < 2; ++i) {
    auto upgrade = OpenWebSocket();
    upgrade->target = "/socket.io/?EIO=4&transport=websocket&sid=abc";
    mux.Connect(upgrade);
  }
  mux.Until([&] { return mux.pool.backend.accepted() == 10; });
  CHECK_EQ(log.Count("several processes take links at one address"), 1);
}

TEST_CASE("where all links lead to one of several processes, links are made anew until another one has one") {
  MuxFixture mux;
  mux.Begin();
  mux.app().hello.siblings = true;
  mux.app().Answer();
  mux.Until([&] { return mux.pool.backend.accepted() == 8; });
  for (size_t peer = 1; peer < 8; ++peer) {
    mux.app(peer).hello.siblings = true;
    Answer(mux, peer, 1);
  }
  mux.Until([&] { return mux.pool.backend.accepted() == 9; });
  Answer(mux, 8, 2);
  mux.UntilReady(8);
  mux.pool.driver.For(milliseconds(2500));
  CHECK_EQ(mux.pool.backend.accepted(), 9);
}

TEST_CASE("a link that is refused beside one that serves leaves that one to new sessions") {
  MuxFixture mux;
  mux.pool.options.pool.min_size = 2;
  LogRecorder log;
  mux.Begin();
  mux.Until([&] { return mux.pool.backend.accepted() == 2 && !mux.app(1).head().empty(); });
  mux.app(0).Answer();
  mux.UntilReady(1);
  mux.app(1).SendBytes("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
  mux.Until([&] { return mux.Links(MuxLinkState::kOpening) == 0; });
  mux.Open();
  mux.pool.driver.For(milliseconds(300));
  CHECK_EQ(mux.pool.backend.accepted(), 2);  // and is not asked for again at once
}

TEST_CASE("a reload to tunnels serves those that wait, and links end with their sessions") {
  MuxFixture mux;
  mux.Start();
  MuxClient& client = mux.Open();
  SUBCASE("with a session") {
    mux.pool.options.upstream.mode = UpstreamMode::kTunnel;
    mux.pool.options.pool.min_size = 0;
    mux.pool.Adopt();
    mux.plays = [](size_t peer) { return peer == 0; };
    mux.Connect();
    mux.Until([&] { return mux.pool.backend.accepted() == 2 && !mux.pool.backend.received(1).empty(); });
    CHECK_EQ(mux.pool.backend.received(1), UpgradeHead());
    mux.Say(MuxText(1, "still"));
    CHECK(client.events.told == Lines{"message still"});
    client.events.socket.reset();
    mux.Until([&] { return mux.app().Told("closed 1000"); });
  }
  SUBCASE("while they wait for a link") {
    MuxFixture opening;
    opening.Begin();
    opening.plays = [](size_t peer) { return peer == 0; };
    opening.Connect();
    opening.pool.options.upstream.mode = UpstreamMode::kTunnel;
    opening.pool.options.pool.min_size = 0;
    opening.pool.Adopt();
    opening.Until([&] { return opening.pool.backend.accepted() == 2 && !opening.pool.backend.received(1).empty(); });
    CHECK_EQ(opening.pool.backend.received(1), UpgradeHead());
    opening.Until([&] { return opening.Links(MuxLinkState::kOpening) == 0; });
  }
}

TEST_CASE("another token asks the backend again at once") {
  MuxFixture mux;
  mux.Begin();
  mux.app().SendBytes("HTTP/1.1 401 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  mux.Until([&] { return mux.Links(MuxLinkState::kOpening) == 0; });
  mux.pool.driver.For(milliseconds(300));
  CHECK_EQ(mux.pool.backend.accepted(), 1);
  mux.pool.options.upstream.token = "other";
  mux.pool.Adopt();
  Answer(mux, 1);
  CHECK(mux.app(1).head().find("Authorization: Bearer other\r\n") != std::string::npos);
  mux.UntilReady(1);
}

TEST_CASE("a drain leaves the sessions, makes no link, and closes the links that are empty") {
  MuxFixture mux;
  mux.Start();
  MuxClient& client = mux.Open();
  mux.pool.upstreams.Drain();
  mux.Say(MuxText(1, "still"));
  CHECK(client.events.told == Lines{"message still"});
  client.events.socket.reset();
  mux.Until([&] { return mux.app().Told("closed 1000"); });
  mux.pool.driver.For(milliseconds(300));
  CHECK_EQ(mux.pool.backend.accepted(), 1);
}

TEST_CASE("a pool that goes before its sessions, or while a link waits to be dialled, leaves nothing behind") {
  for (const bool refused : {false, true}) {
    auto mux = std::make_unique<MuxFixture>();
    if (refused) {
      mux->pool.options.pool.acquire_timeout = std::chrono::hours(1);
      mux->pool.backend.accepts = false;
      mux->pool.options.pool.max_size = 1;
      mux->pool.options.pool.min_size = 2;
      mux->pool.Start();
    } else {
      mux->Start();
      MuxClient& client = mux->Open();
      mux->Ask();
      while (!client.events.Told("blocked")) client.SendBinary(20'000);
      MuxClient& gone = mux->Open();
      gone.SendBinary(200'000);
      gone.events.socket.reset();
    }
    mux->pool.upstream = UpstreamRef();
    auto& upstreams = mux->pool.upstreams;
    std::destroy_at(&upstreams);
    std::construct_at(&upstreams, mux->pool.driver.loop(), PoolShare{}, mux->pool.metrics);
    mux->pool.driver.Turn();
    CHECK_EQ(mux->Sessions(), 0);
    CHECK_EQ(mux->pool.metrics.mux_streams_waiting.value(), 0);
  }
}

}  // namespace sheaf::pool
