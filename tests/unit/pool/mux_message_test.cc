// Messages over a mux link: pieces, texts, runs, and frames that are split wherever a read may end.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/unit/pool/mux_fixture.h"

namespace sheaf::pool {
namespace {

using Lines = std::vector<std::string>;
using wire::kMuxMore;
using wire::Opcode;

}  // namespace

TEST_CASE("a message reaches the client in the frame that it is to be, whatever its size") {
  MuxFixture mux;
  mux.Start();
  MuxClient& client = mux.Open();
  for (const size_t size : {0, 1, 125, 126, 127, 65'535}) {
    CAPTURE(size);
    const std::string text(size, 't');
    client.events.told.clear();
    client.events.wire.clear();
    mux.Say(MuxText(1, text));
    CHECK(client.events.told == Lines{"message " + text});
    CHECK(client.events.wire == ServerFrame(Opcode::kText, text));
  }
}

TEST_CASE("a message in pieces is a message in frames for the client, the others' between") {
  MuxFixture mux;
  mux.Start();
  MuxClient& client = mux.Open();
  MuxClient& other = mux.Open();
  mux.Say(MuxBinary(1, "one ", kMuxMore) + MuxText(2, "between") + MuxBinary(1, "", kMuxMore));
  mux.Say(MuxBinary(1, std::string(200, '2'), kMuxMore) + MuxBinary(1, "") + MuxText(1, "next"));
  CHECK(client.events.told == Lines{"binary one " + std::string(200, '2'), "message next"});
  CHECK(client.events.wire == ServerFrame(Opcode::kBinary, "one ", false) +
                                  ServerFrame(Opcode::kContinuation, "", false) +
                                  ServerFrame(Opcode::kContinuation, std::string(200, '2'), false) +
                                  ServerFrame(Opcode::kContinuation, "") + ServerFrame(Opcode::kText, "next"));
  CHECK(other.events.told == Lines{"message between"});
}

TEST_CASE("a character may lie in two pieces of a text") {
  MuxFixture mux;
  mux.Start();
  MuxClient& client = mux.Open();
  mux.Say(MuxText(1, "\xF0\x9F", kMuxMore) + MuxText(1, "\x98", kMuxMore) + MuxText(1, "\x80!"));
  CHECK(client.events.told == Lines{"message \xF0\x9F\x98\x80!"});
}

TEST_CASE("a client's long message goes up in records that the app can take, under their types") {
  MuxFixture mux;
  mux.Begin();
  mux.app().hello.session_window = 1'000'000;
  mux.app().Answer();
  mux.UntilReady(1);
  MuxClient& client = mux.Open();
  std::string text;
  for (int i = 0; text.size() < 100'000; ++i) text += std::to_string(i) + ",";
  client.SendText(text);
  client.SendText("");
  mux.Until([&] { return mux.app().Told("text 1 "); });
  CHECK(mux.app().messages[1] == text);
  CHECK_EQ(mux.app().CountOf("text+ 1"), text.size() / wire::kMuxMaxPayloadUp);
}

TEST_CASE("a client's frames that come byte by byte are the messages that they were") {
  MuxFixture mux;
  mux.Begin();
  mux.app().hello.link_window = 0;
  mux.app().Answer();
  mux.UntilReady(1);
  MuxClient& client = mux.Open();
  const std::string frames = ClientFrame(Opcode::kText, "half ", false) +
                             ClientFrame(Opcode::kContinuation, "", false) +
                             ClientFrame(Opcode::kContinuation, "whole") + ClientFrame(Opcode::kBinary, "") +
                             ClientFrame(Opcode::kBinary, std::string(130, 'b'));
  for (const char byte : frames) client.Send({&byte, 1});
  mux.Until([&] { return mux.app().messages[1].size() == 140; });
  std::string whole;
  size_t ends = 0;
  for (const std::string& line : mux.app().told) ends += line.starts_with("text 1") || line.starts_with("binary 1");
  CHECK_EQ(ends, 3);
  CHECK(mux.app().messages[1] == "half whole" + std::string(130, 'b'));
}

TEST_CASE("a run of a client's messages is the messages in it") {
  MuxFixture mux;
  mux.Start();
  MuxClient& client = mux.Open();
  client.Send(ClientFrame(Opcode::kText, "one") + ClientFrame(Opcode::kBinary, std::string(300, '2')) +
                  ClientFrame(Opcode::kText, "") + ClientFrame(Opcode::kText, "four"),
              true);
  mux.Until([&] { return mux.app().Told("text 1 four"); });
  CHECK(Lines(mux.app().told.begin() + 2, mux.app().told.end()) ==
        Lines{"text 1 one", "binary 1 " + std::string(300, '2'), "text 1 ", "text 1 four"});
  CHECK_EQ(mux.app().frames.size(), 3);  // HELLO, OPEN, and one for the run
}

TEST_CASE("records and frames may be split anywhere over two reads, and over all") {
  const std::string records = MuxText(1, "one") + MuxBinary(1, std::string(130, 'b'), kMuxMore) + MuxCredit(1, 1) +
                              MuxBinary(1, "end") + MuxGroupOf(3, {1, 2}) + MuxToGroup(3, "all") +
                              MuxMulticast({2, 1}, std::string(126, 'm')) + MuxText(2, "two");
  // A frame of two fragments, the first of which ends amid a record.
  const std::string bytes = ServerFrame(Opcode::kBinary, records.substr(0, 21), false) +
                            ServerFrame(Opcode::kContinuation, records.substr(21));
  MuxFixture mux;
  mux.Start();
  MuxClient& one = mux.Open();
  MuxClient& two = mux.Open();
  const Lines to_one = {"message one", "binary " + std::string(130, 'b') + "end", "message all",
                        "message " + std::string(126, 'm')};
  const Lines to_two = {"message all", "message " + std::string(126, 'm'), "message two"};
  std::string wire_of_one;
  const auto expect = [&] {
    mux.Until([&] { return two.events.told.size() == 3; });
    CHECK(one.events.told == to_one);
    CHECK(two.events.told == to_two);
    if (wire_of_one.empty()) wire_of_one = one.events.wire;
    CHECK(one.events.wire == wire_of_one);
    one.events.told.clear();
    one.events.wire.clear();
    two.events.told.clear();
  };
  for (size_t cut = 0; cut < bytes.size(); ++cut) {
    CAPTURE(cut);
    mux.app().SendBytes(bytes.substr(0, cut));
    mux.pool.driver.Turn();
    mux.pool.driver.Turn();
    mux.app().SendBytes(bytes.substr(cut));
    expect();
  }
  for (const char byte : bytes) {
    mux.app().SendBytes({&byte, 1});
    mux.pool.driver.Turn();
    mux.pool.driver.Turn();
  }
  expect();
}

TEST_CASE("a message of the app over the limit ends that session, and no other") {
  MuxFixture mux;
  mux.Start();
  static constexpr wire::FrameLimits kSmall{.max_message = 100};
  auto upgrade = OpenWebSocket();
  upgrade->frame_limits = &kSmall;
  MuxClient& client = mux.Ask(upgrade);
  mux.Say(MuxAccept(1));
  MuxClient& other = mux.Open();
  client.events.told.clear();
  SUBCASE("at once") {
    mux.Say(MuxText(1, std::string(101, 'x')) + MuxText(1, "crosses"));
  }
  SUBCASE("in pieces") {
    mux.Say(MuxText(1, std::string(100, 'x')));
    client.events.told.clear();
    client.events.wire.clear();
    mux.Say(MuxText(1, std::string(60, 'x'), kMuxMore));
    client.events.told.clear();
    mux.Say(MuxText(1, std::string(41, 'x')));
  }
  SUBCASE("to many") {
    mux.Say(MuxMulticast({1, 2}, std::string(101, 'x')));
    CHECK_EQ(other.events.told.size(), 1);
  }
  SUBCASE("to a group, in pieces") {
    mux.Say(MuxGroupOf(1, {1, 2}) + MuxToGroup(1, std::string(60, 'x'), kMuxMore));
    client.events.told.clear();
    mux.Say(MuxToGroup(1, std::string(60, 'x'), kMuxMore) + MuxToGroup(1, "end"));
    CHECK(other.events.told == Lines{"message " + std::string(120, 'x') + "end"});
  }
  SUBCASE("when the client's own turn has come") {
    while (!client.events.Told("blocked")) client.SendBinary(10'000);
    mux.Settle();
    client.events.told.clear();
    mux.app().told.clear();
    mux.Say(MuxCredit(1, 100'000) + MuxText(1, std::string(101, 'x')));
    CHECK_EQ(mux.app().told.size(), 1);  // the CLOSE, and nothing behind it
  }
  CHECK(client.events.told == Lines{"closed upstream_message_too_big"});
  CHECK_EQ(mux.app().CountOf("close 1 1009"), 1);
  CHECK_EQ(mux.Sessions(), 1);
  CHECK_EQ(mux.Links(MuxLinkState::kReady), 1);
}

}  // namespace sheaf::pool
