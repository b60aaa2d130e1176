// How a session over a mux link ends: who says Close first, and what still goes out.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/unit/pool/mux_fixture.h"

namespace sheaf::pool {
namespace {

using Lines = std::vector<std::string>;
using std::chrono::milliseconds;

// Has the app stop giving credit to the session, and the client's messages wait.
void FillWindow(MuxFixture& mux, MuxClient& client) {
  while (mux.app().messages[client.id].size() < mux.app().hello.session_window) {
    client.SendBinary(10'000);
    mux.Settle();
  }
  mux.app().told.clear();
}

}  // namespace

TEST_CASE("a client that closes is answered by the app, behind what the app had sent before") {
  MuxFixture mux;
  mux.Start();
  MuxClient& client = mux.Open();
  client.SendText("last words");
  CHECK(client.socket().SendClose(1001, "away"));
  CHECK_FALSE(client.socket().SendClose(1000, ""));
  client.SendText("behind the Close");
  mux.Until([&] { return mux.app().Told("close 1 1001 away"); });
  CHECK(Lines(mux.app().told.end() - 2, mux.app().told.end()) == Lines{"text 1 last words", "close 1 1001 away"});
  mux.Say(MuxText(1, "on its way") + MuxClose(1, 1001));
  CHECK(client.events.told == Lines{"message on its way", "close 1001 away", "end"});
  CHECK_EQ(mux.Sessions(), 0);
  CHECK(client.socket().endpoint() == nullptr);
  client.events.socket.reset();
  mux.Settle();
  CHECK_EQ(mux.app().CountOf("close"), 1);
}

TEST_CASE("an app that closes is not answered") {
  MuxFixture mux;
  mux.Start();
  MuxClient& client = mux.Open();
  mux.Say(MuxText(1, "bye") + MuxClose(1, 4000, "reason"));
  CHECK(client.events.told == Lines{"message bye", "close 4000 reason", "end"});
  CHECK_FALSE(client.socket().SendClose(4000, "reason"));
  client.SendText("too late");
  client.events.socket.reset();
  mux.Settle();
  CHECK(mux.app().told == Lines{"hello", "open 1 /ws"});
  CHECK_EQ(mux.Sessions(), 0);
  CHECK_EQ(mux.pool.endpoint.sessions(), 0);
}

TEST_CASE("a Close without a code is that for the client, and one for a side that is gone is an error") {
  MuxFixture mux;
  mux.Start();
  MuxClient& none = mux.Open();
  MuxClient& gone = mux.Open();
  mux.Say(MuxClose(1, 1005) + MuxClose(2, 1006));
  CHECK(none.events.told == Lines{"close 1005", "end"});
  CHECK(gone.events.told == Lines{"close 1011", "end"});
}

TEST_CASE("two Closes that cross end the session once") {
  MuxFixture mux;
  mux.Start();
  MuxClient& client = mux.Open();
  CHECK(client.socket().SendClose(1000, "mine"));
  mux.Say(MuxClose(1, 1011, "yours"));
  CHECK(client.events.told == Lines{"close 1011 yours", "end"});
  CHECK_EQ(mux.app().CountOf("close"), 1);
  mux.Say(MuxClose(1, 1000));  // the app's answer to what crossed
  CHECK_EQ(client.events.told.size(), 2);
  CHECK_EQ(mux.Links(MuxLinkState::kReady), 1);
}

TEST_CASE("a Close of the app's own that crosses with the client's keeps its words") {
  MuxFixture mux;
  mux.Start();
  MuxClient& client = mux.Open();
  CHECK(client.socket().SendClose(4001, "mine"));
  mux.Say(MuxClose(1, 1000));
  CHECK(client.events.told == Lines{"close 1000", "end"});
}

TEST_CASE("a session that is given up is gone for the app, and nobody hears what crosses with that") {
  MuxFixture mux;
  mux.Start();
  MuxClient& client = mux.Open();
  MuxClient& other = mux.Open();
  client.SendText("last");
  client.events.socket.reset();
  mux.Until([&] { return mux.app().Told("close 1 1006"); });
  CHECK(mux.app().Told("text 1 last"));
  CHECK_EQ(mux.Sessions(), 1);
  mux.Say(MuxText(1, "late") + MuxCredit(1, 5) + MuxText(1, "\xFF") + MuxMulticast({1, 2}, "all") + MuxClose(1, 1006));
  CHECK(client.events.told.empty());
  CHECK(other.events.told == Lines{"message all"});
}

TEST_CASE("what a client has sent before it left still goes out, as the app gives credit") {
  MuxFixture mux;
  mux.Start();
  MuxClient& client = mux.Open();
  FillWindow(mux, client);
  client.SendText("waits");
  client.events.socket.reset();
  mux.Settle();
  CHECK(mux.app().told.empty());
  CHECK_EQ(mux.Sessions(), 1);
  CHECK_EQ(mux.pool.metrics.mux_streams_waiting.value(), 1);
  mux.app().GiveCredit(1, 64 * 1024);
  mux.Until([&] { return mux.app().Told("close 1 1006"); });
  CHECK(mux.app().told == Lines{"text 1 waits", "close 1 1006"});
  CHECK_EQ(mux.Sessions(), 0);
  CHECK_EQ(mux.pool.metrics.mux_streams_waiting.value(), 0);
}

TEST_CASE("a Close of the client goes behind what it had sent, and the app's Close ends both") {
  MuxFixture mux;
  mux.Start();
  MuxClient& client = mux.Open();
  FillWindow(mux, client);
  client.SendText("waits");
  CHECK(client.socket().SendClose(1000, "bye"));
  mux.Settle();
  CHECK(mux.app().told.empty());
  SUBCASE("with credit") {
    mux.app().GiveCredit(1, 64 * 1024);
    mux.Until([&] { return mux.app().Told("close 1 1000 bye"); });
    CHECK(mux.app().told == Lines{"text 1 waits", "close 1 1000 bye"});
    mux.Say(MuxClose(1, 1000));
    CHECK(client.events.told == Lines{"close 1000 bye", "end"});
  }
  SUBCASE("without") {
    mux.Say(MuxClose(1, 1011, "mine"));
    CHECK(client.events.told == Lines{"close 1011 mine", "end"});
    CHECK(mux.app().told.empty());
  }
  CHECK_EQ(mux.Sessions(), 0);
  CHECK_EQ(mux.pool.metrics.mux_streams_waiting.value(), 0);
}

TEST_CASE("what a client has left behind is given up where the app takes nothing for long") {
  MuxFixture mux;
  mux.pool.options.timeouts.stall = milliseconds(300);
  mux.Start();
  MuxClient& client = mux.Open();
  FillWindow(mux, client);
  client.SendText("waits");
  client.events.socket.reset();
  mux.Until([&] { return mux.Sessions() == 0; });
  mux.Until([&] { return mux.app().Told("close 1 1006"); });
  CHECK_EQ(mux.app().CountOf("text"), 0);
  CHECK_EQ(mux.pool.metrics.mux_streams_waiting.value(), 0);
}

TEST_CASE("a session that is still there is not given up, however long the app takes nothing") {
  MuxFixture mux;
  mux.pool.options.timeouts.stall = milliseconds(100);
  mux.Start();
  MuxClient& client = mux.Open();
  FillWindow(mux, client);
  client.SendText("waits");
  for (int i = 0; i < 4; ++i) {
    mux.pool.driver.For(milliseconds(100));
    mux.Settle();
  }
  CHECK_EQ(mux.Sessions(), 1);
  mux.app().GiveCredit(1, 5'000);
  mux.Until([&] { return mux.app().Told("text 1 waits"); });
}

}  // namespace sheaf::pool
