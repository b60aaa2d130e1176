// One message for several sessions: by their numbers, and by a group.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/unit/pool/mux_fixture.h"

namespace sheaf::pool {
namespace {

using Lines = std::vector<std::string>;
using wire::kMuxBinary;
using wire::kMuxMore;
using wire::Opcode;

// Three sessions on a link: 1, 2 and 3.
struct ThreeSessions : MuxFixture {
  ThreeSessions() {
    Start();
    for (int i = 0; i < 3; ++i) Open();
  }
  const Lines& told(uint32_t id) const { return clients[id - 1]->events.told; }
  void ExpectLinkClosed() {
    CHECK(app().Told("closed 1002"));
    for (uint32_t id = 1; id <= 3; ++id) {
      REQUIRE_FALSE(told(id).empty());
      CHECK_EQ(told(id).back().substr(0, 40), "closed upstream_gone");
    }
  }
};

}  // namespace

TEST_CASE("a MULTICAST reaches those that it names, and none of them twice or out of turn") {
  ThreeSessions mux;
  mux.Say(MuxText(1, "before") + MuxMulticast({3, 1}, "both") + MuxText(1, "after") +
          MuxMulticast({2}, "\x01\xFF", kMuxBinary) + MuxMulticast({}, "nobody") + MuxMulticast({1, 2, 3}, ""));
  CHECK(mux.told(1) == Lines{"message before", "message both", "message after", "message "});
  CHECK(mux.told(2) == Lines{"binary \x01\xFF", "message "});
  CHECK(mux.told(3) == Lines{"message both", "message "});
  CHECK(mux.clients[2]->events.wire == ServerFrame(Opcode::kText, "both") + ServerFrame(Opcode::kText, ""));
  CHECK_EQ(mux.pool.metrics.mux_multicasts_total.value(), 4);
  CHECK_EQ(mux.pool.metrics.mux_multicast_deliveries_total.value(), 6);
}

TEST_CASE("a MULTICAST skips those that are over, and serves the others") {
  ThreeSessions mux;
  mux.clients[0]->events.socket.reset();
  mux.Say(MuxClose(3, 1000) + MuxMulticast({1, 2, 3}, "all"));
  CHECK(mux.told(1).empty());
  CHECK(mux.told(2) == Lines{"message all"});
  CHECK(mux.told(3) == Lines{"close 1000", "end"});
}

TEST_CASE("a message for several has a number that no other has, and one for a single session has none") {
  struct Numbers final : SocketEvents {
    void OnUpstreamMessage(const wire::FramePiece& piece) override { seen.push_back(piece.broadcast); }
    void OnUpstreamClose(uint16_t /*code*/, std::string_view /*reason*/) override {}
    void OnUpstreamEnd() override {}
    void OnUpstreamBlocked() override {}
    void OnUpstreamDrained() override {}
    void OnUpstreamClosed(CloseReason /*reason*/) override {}
    std::vector<uint64_t> seen;
  };
  ThreeSessions mux;
  Numbers one;
  Numbers two;
  mux.clients[0]->socket().SetEvents(one);
  mux.clients[1]->socket().SetEvents(two);
  mux.Say(MuxMulticast({1, 2}, "x") + MuxMulticast({1, 2}, "x") + MuxText(1, "x") + MuxMulticast({1}, "x") +
          MuxGroupOf(1, {1, 2}) + MuxToGroup(1, "half", kMuxMore) + MuxToGroup(1, "") + MuxToGroup(1, "x"));
  REQUIRE_EQ(one.seen.size(), 7);
  CHECK(one.seen[0] != 0);
  CHECK(one.seen[1] > one.seen[0]);
  CHECK(std::vector<uint64_t>(one.seen.begin() + 2, one.seen.end() - 1) == std::vector<uint64_t>(4, 0));
  CHECK(one.seen[6] > one.seen[1]);
  CHECK(two.seen == std::vector<uint64_t>{one.seen[0], one.seen[1], 0, 0, one.seen[6]});
  mux.clients[0]->events.socket.reset();
  mux.clients[1]->events.socket.reset();
}

TEST_CASE("a group is whoever it was last said to be") {
  ThreeSessions mux;
  mux.Say(MuxGroupOf(64, {1, 2}) + MuxToGroup(64, "a") + MuxGroupOf(64, {2, 3}) + MuxToGroup(64, "b") +
          MuxGroupOf(1, {3}) + MuxToGroup(1, "\xFE", kMuxBinary) + MuxToGroup(64, "c"));
  CHECK(mux.told(1) == Lines{"message a"});
  CHECK(mux.told(2) == Lines{"message a", "message b", "message c"});
  CHECK(mux.told(3) == Lines{"message b", "binary \xFE", "message c"});
}

TEST_CASE("a message to a group may come in pieces, with other sessions' records and other groups' between") {
  ThreeSessions mux;
  mux.Say(MuxGroupOf(1, {1, 2}) + MuxGroupOf(2, {3}) + MuxToGroup(1, "h\xC3", kMuxMore) + MuxText(3, "between") +
          MuxToGroup(2, "other", kMuxMore) + MuxToGroup(1, "\xA4lf", kMuxMore) + MuxToGroup(2, ""));
  mux.clients[1]->events.socket.reset();
  mux.Say(MuxToGroup(1, " end") + MuxText(1, "next"));
  CHECK(mux.told(1) == Lines{"message h\xC3\xA4lf end", "message next"});
  CHECK(mux.told(2) == Lines{"message h\xC3\xA4lf"});
  CHECK(mux.told(3) == Lines{"message between", "message other"});
}

TEST_CASE("a session that ends amid a group's message gets no piece more, and the others do") {
  ThreeSessions mux;
  mux.Say(MuxGroupOf(1, {1, 2}) + MuxToGroup(1, "half", kMuxMore) + MuxClose(1, 1000) + MuxToGroup(1, " end"));
  CHECK(mux.told(1) == Lines{"message half", "close 1000", "end"});
  CHECK(mux.told(2) == Lines{"message half end"});
}

TEST_CASE("a message that has begun for a group goes on without credit, and the next one does not") {
  ThreeSessions mux;
  mux.clients[0]->socket().PauseReading(PauseReason::kPeerFull);
  mux.Say(MuxGroupOf(1, {1}));
  const std::string piece(40'000, 'g');
  for (int i = 0; i < 4; ++i) mux.Say(MuxToGroup(1, piece, i < 3 ? kMuxMore : uint8_t{0}));
  CHECK_EQ(mux.told(1).back().size(), 160'008);
  CHECK_EQ(mux.Links(MuxLinkState::kReady), 1);
  mux.clients[0]->socket().ResumeReading(PauseReason::kPeerFull);
  mux.Until([&] { return mux.app().Told("credit 1 160000"); });
  mux.clients[0]->socket().PauseReading(PauseReason::kPeerFull);
  mux.Say(MuxToGroup(1, piece) + MuxToGroup(1, piece) + MuxToGroup(1, "over"));
  mux.ExpectLinkClosed();
}

TEST_CASE("a message to a group of more than a record may hold ends the link, before any client gets it") {
  ThreeSessions mux;
  mux.Say(MuxGroupOf(1, {1, 2, 3}) + MuxToGroup(1, std::string(65'536, 'x')));
  mux.ExpectLinkClosed();
  CHECK_EQ(mux.told(1).size(), 1);
}

TEST_CASE("nothing of its own comes for a session amid a group's message") {
  for (const bool more : {false, true}) {
    ThreeSessions mux;
    mux.Say(MuxGroupOf(1, {1, 2}) + MuxToGroup(1, "half", kMuxMore) + MuxText(1, "own", more ? kMuxMore : uint8_t{0}));
    mux.ExpectLinkClosed();
    CHECK(mux.told(1) == Lines{"message half", "closed upstream_gone"});
  }
  for (const bool more : {false, true}) {
    ThreeSessions mux;
    mux.Say(MuxGroupOf(1, {1, 2}) + MuxText(1, "own", kMuxMore) + MuxToGroup(1, "half", more ? kMuxMore : uint8_t{0}));
    mux.ExpectLinkClosed();
  }
  ThreeSessions mux;
  mux.Say(MuxGroupOf(1, {1}) + MuxGroupOf(2, {1}) + MuxToGroup(1, "half", kMuxMore) + MuxToGroup(2, "x"));
  mux.ExpectLinkClosed();
}

}  // namespace sheaf::pool
