// Credit in both directions: who has to stop when, and that nobody else does.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/unit/pool/mux_fixture.h"

namespace sheaf::pool {
namespace {

using Lines = std::vector<std::string>;

constexpr uint32_t kWindow = MuxLink::kSessionWindow;

}  // namespace

TEST_CASE("a client that sends more than the app takes is stopped once, and goes on when all of it has gone out") {
  MuxFixture mux;
  mux.Start();
  MuxClient& client = mux.Open();
  MuxClient& other = mux.Open();
  size_t sent = 0;
  while (!client.events.Told("blocked")) {
    client.SendBinary(10'000);
    sent += 10'000;
    mux.Settle();
    REQUIRE(sent < 1'000'000);
  }
  // Never more on its way than the window and one record.
  CHECK_EQ(mux.app().messages[1].size(), 70'000);
  client.SendBinary(10'000);
  other.SendText("not stopped");
  mux.Until([&] { return mux.app().Told("text 2 not stopped"); });
  mux.app().GiveCredit(1, 4464 + 1);
  mux.Until([&] { return mux.app().messages[1].size() == 80'000; });
  CHECK(client.events.told == Lines{"blocked"});
  mux.app().GiveCredit(1, 1'000'000);
  mux.Until([&] { return mux.app().messages[1].size() == sent + 10'000; });
  mux.Settle();
  CHECK(client.events.told == Lines{"blocked", "drained"});
  CHECK(other.events.told.empty());
  CHECK_EQ(mux.pool.metrics.mux_streams_waiting.value(), 0);
}

TEST_CASE("a client that does not keep up gives the app no credit, and all that is owed when it does again") {
  MuxFixture mux;
  mux.Start();
  MuxClient& client = mux.Open();
  mux.Open();
  client.socket().PauseReading(PauseReason::kPeerFull);
  client.socket().PauseReading(PauseReason::kPeerFull);
  client.socket().PauseReading(PauseReason::kDraining);
  for (size_t sent = 0; sent < kWindow; sent += 16'384) mux.Say(MuxText(1, std::string(16'384, 'a')));
  mux.Say(MuxText(2, "not stopped"));
  CHECK(mux.clients[1]->events.told == Lines{"message not stopped"});
  CHECK_EQ(mux.app().CountOf("credit"), 0);
  client.socket().ResumeReading(PauseReason::kPeerFull);
  mux.Settle();
  CHECK_EQ(mux.app().CountOf("credit"), 0);
  client.socket().ResumeReading(PauseReason::kDraining);
  mux.Until([&] { return mux.app().CountOf("credit") == 1; });
  CHECK(mux.app().Told("credit 1 65536"));
  CHECK_EQ(mux.Links(MuxLinkState::kReady), 1);
}

TEST_CASE("an app gets its credit back in large pieces, for single messages as for those to many") {
  MuxFixture mux;
  mux.Start();
  mux.Open();
  mux.Open();
  const std::string message(8'000, 'm');
  for (int i = 0; i < 4; ++i) mux.Say(MuxText(1, message));
  CHECK_EQ(mux.app().CountOf("credit"), 0);
  mux.Say(MuxText(1, message));
  CHECK(mux.app().Told("credit 1 40000"));
  for (int i = 0; i < 5; ++i) mux.Say(MuxMulticast({1, 2}, message));
  CHECK(mux.app().Told("credit 2 40000"));
  CHECK_EQ(mux.app().Count("credit 1 40000"), 2);
}

TEST_CASE("sessions that wait for the link's window take turns, and pieces of a long message are no exception") {
  MuxFixture mux;
  mux.Start();
  MuxClient& large = mux.Open();
  MuxClient& one = mux.Open();
  MuxClient& two = mux.Open();
  mux.app().gives_link_credit = false;
  mux.app().told.clear();
  large.SendBinary(200'000);
  for (const std::string text : {"a", "b"}) {
    one.SendText("1" + text);
    two.SendText("2" + text);
  }
  mux.Settle();
  // The session's window is not used up, but the link's is.
  const size_t before = mux.app().messages[large.id].size();
  CHECK(before >= wire::kMuxWindowUp);
  CHECK(before <= wire::kMuxWindowUp + wire::kMuxMaxPayloadUp);
  CHECK_EQ(mux.app().CountOf("text"), 0);
  CHECK_EQ(mux.pool.metrics.mux_streams_waiting.value(), 3);
  mux.app().told.clear();
  mux.app().gives_link_credit = true;
  mux.app().GiveCredit(0, static_cast<uint32_t>(before));
  mux.Until([&] { return mux.app().Told("text 3 2b"); });
  Lines order;
  for (const std::string& line : mux.app().told) order.push_back(line.substr(0, line.find(' ', line.find(' ') + 1)));
  CHECK(Lines(order.begin(), order.begin() + 5) == Lines{"binary+ 1", "text 2", "text 3", "text 2", "text 3"});
}

TEST_CASE("a session that has no credit does not hold up the link's turns") {
  MuxFixture mux;
  mux.Start();
  MuxClient& stopped = mux.Open();
  MuxClient& client = mux.Open();
  for (int i = 0; i < 8; ++i) {
    stopped.SendBinary(16'000);
    mux.Settle();
  }
  CHECK_EQ(mux.app().messages[1].size(), 80'000);
  for (int i = 0; i < 8; ++i) {
    client.SendBinary(16'000);
    mux.Settle();
    mux.app().GiveCredit(2, 16'000);
  }
  mux.Until([&] { return mux.app().messages[2].size() == 128'000; });
  CHECK_EQ(mux.app().messages[1].size(), 80'000);
}

TEST_CASE("OPENs wait for the link's window, and go out in the order in which they came") {
  MuxFixture mux;
  mux.Begin();
  mux.app().hello.link_window = 1'000;
  mux.app().gives_link_credit = false;
  mux.app().Answer();
  mux.UntilReady(1);
  const std::string field = "X-Long: " + std::string(600, 'x') + "\r\n";
  for (const std::string target : {"/a", "/b", "/c"}) {
    auto upgrade = OpenWebSocket(field);
    upgrade->target = target;
    mux.Connect(upgrade);
  }
  mux.Settle();
  CHECK(mux.app().told == Lines{"hello", "open 1 /a", "open 2 /b"});
  CHECK_EQ(mux.pool.upstream->waiting(), 1);
  mux.app().GiveCredit(0, 1'000);
  mux.Until([&] { return mux.app().Told("open 3 /c"); });
  CHECK_EQ(mux.pool.upstream->waiting(), 0);
}

TEST_CASE("a link without a window takes what the sessions' windows allow") {
  MuxFixture mux;
  mux.Begin();
  mux.app().hello.link_window = 0;
  mux.app().hello.session_window = 1'000'000;
  mux.app().Answer();
  mux.UntilReady(1);
  MuxClient& client = mux.Open();
  client.SendBinary(300'000);
  mux.Until([&] { return mux.app().messages[1].size() == 300'000; });
  for (const size_t frame : mux.app().frames) CHECK(frame <= wire::kMuxMaxFrame);
}

TEST_CASE("a message of no bytes takes 8 of the window, in both directions") {
  constexpr size_t kFit = 16'384 / 8;
  MuxFixture mux;
  mux.Begin();
  mux.app().hello.session_window = 16'384;
  mux.app().Answer();
  mux.UntilReady(1);
  MuxClient& client = mux.Open();
  for (size_t i = 0; i < kFit; ++i) client.SendText("");
  client.SendText("behind");
  mux.Settle();
  CHECK_EQ(mux.app().CountOf("text"), kFit);
  mux.app().GiveCredit(1, 1);
  mux.Until([&] { return mux.app().Told("text 1 behind"); });
  std::string half;
  for (size_t i = 0; i < kWindow / 2 / 8; ++i) half += MuxText(1, "");
  mux.Say(half);
  CHECK(mux.app().Told("credit 1 " + std::to_string(kWindow / 2)));
}

TEST_CASE("a window of the largest number there is can be given back") {
  MuxFixture mux;
  mux.Begin();
  mux.app().hello.session_window = wire::kMuxMaxCredit;
  mux.app().hello.link_window = wire::kMuxMaxCredit;
  mux.app().gives_link_credit = false;
  mux.app().Answer();
  mux.UntilReady(1);
  MuxClient& client = mux.Open();
  client.SendText("8 bytes!");
  mux.Until([&] { return mux.app().Told("text 1 8 bytes!"); });
  mux.Say(MuxCredit(1, 8) + MuxCredit(0, 8));
  CHECK_EQ(mux.Links(MuxLinkState::kReady), 1);
  mux.Say(MuxCredit(1, 1));
  CHECK(mux.app().Told("closed 1002"));
}

TEST_CASE("an app that does not read stops those that send, and only them") {
  MuxFixture mux;
  mux.Begin();
  mux.app().hello.link_window = 0;
  mux.app().hello.session_window = 100'000'000;
  mux.app().Answer();
  mux.UntilReady(1);
  MuxClient& client = mux.Open();
  MuxClient& other = mux.Open();
  mux.pool.backend.reads = false;
  size_t sent = 0;
  while (!client.events.Told("blocked")) {
    client.SendBinary(100'000);
    sent += 100'000;
    mux.pool.driver.Turn();
    REQUIRE(sent < 50'000'000);
  }
  CHECK(other.events.told.empty());
  mux.app().Send(MuxText(other.id, "downwards"));
  mux.pool.driver.Until([&] { return other.events.Told("message downwards"); });
  mux.pool.backend.reads = true;
  mux.Until([&] { return mux.app().messages[1].size() == sent; });
  mux.Until([&] { return client.events.Told("drained"); });
  CHECK(client.events.told == Lines{"blocked", "drained"});
}

}  // namespace sheaf::pool
