// Each violation of proxy/wire/mux_frame.md: the link is closed, 1002, all its sessions are told, and the log says it
// once.
#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/fakes/log_recorder.h"
#include "tests/unit/pool/mux_fixture.h"

namespace sheaf::pool {
namespace {

using Lines = std::vector<std::string>;
using wire::kMuxMore;
using wire::MuxType;

struct Violation {
  std::string_view name;
  std::string frame;  // as it stands on the wire
  std::string_view label;
};

std::string Frame(const std::string& records) {
  return ServerFrame(wire::Opcode::kBinary, records);
}

// What is wrong while session 1 is open, session 2 has its OPEN, and session 3 is over.
std::vector<Violation> Violations() {
  const std::string hello = MuxHelloOf({.session_window = 65536});
  const auto with_flags = [](MuxType type, uint32_t stream, size_t size, uint8_t flags) {
    return Frame(MuxRecordOf(type, stream, std::string(size, '\1'), flags));
  };
  return {
      {"a text message", ServerFrame(wire::Opcode::kText, MuxText(1, "x")), "unknown_type"},
      {"a second HELLO", Frame(hello), "bad_hello"},
      {"a frame that ends amid a header", Frame(MuxText(1, "x").substr(0, 5)), "cut_record"},
      {"a frame that ends amid a payload", Frame(MuxText(1, "x") + MuxText(1, "xyz").substr(0, 10)), "cut_record"},
      {"an unknown type", with_flags(static_cast<MuxType>(14), 1, 0, 0), "unknown_type"},
      {"OPEN", with_flags(MuxType::kOpen, 4, 10, 0), "wrong_direction"},
      {"a flag that TEXT does not have", with_flags(MuxType::kText, 1, 1, wire::kMuxBinary), "bad_flags"},
      {"a MULTICAST in pieces", with_flags(MuxType::kMulticast, 0, 4, kMuxMore), "bad_flags"},
      {"TEXT for the link", Frame(MuxText(0, "x")), "bad_stream"},
      {"PING for a session", with_flags(MuxType::kPing, 1, 8, 0), "bad_stream"},
      {"the group 65", Frame(MuxGroupOf(65, {1})), "bad_stream"},
      {"a PING of seven bytes", with_flags(MuxType::kPing, 0, 7, 0), "bad_length"},
      {"TEXT over its largest", Frame(MuxText(1, std::string(65'536, 'x'))), "bad_length"},
      {"an ACCEPT whose fields do not fit", Frame(MuxRecordOf(MuxType::kAccept, 2, "\x05")), "bad_payload"},
      {"a CLOSE with a code that there is not", Frame(MuxClose(1, 999)), "bad_payload"},
      {"a CLOSE whose reason is no UTF-8", Frame(MuxClose(1, 1000, "\xFF")), "bad_payload"},
      {"a GROUP that does not ascend", Frame(MuxGroupOf(1, {2, 1})), "bad_payload"},
      {"a MULTICAST of fewer streams than it says",
       Frame(MuxRecordOf(MuxType::kMulticast, 0, MuxIdList({1, 3}).substr(0, 8))), "bad_payload"},
      {"a stream that was never opened", Frame(MuxText(4, "x")), "unopened_stream"},
      {"a MULTICAST to one that was never opened", Frame(MuxMulticast({1, 4}, "x")), "unopened_stream"},
      {"a MULTICAST to stream 0", Frame(MuxMulticast({0}, "x")), "unopened_stream"},
      {"TEXT before ACCEPT", Frame(MuxText(2, "x")), "out_of_order"},
      {"CREDIT before ACCEPT", Frame(MuxCredit(2, 1)), "out_of_order"},
      {"CLOSE before ACCEPT", Frame(MuxClose(2, 1000)), "out_of_order"},
      {"a MULTICAST before ACCEPT", Frame(MuxMulticast({2}, "x")), "out_of_order"},
      {"BODY before REFUSE", Frame(MuxBody(2, "x")), "out_of_order"},
      {"ACCEPT after it", Frame(MuxAccept(1)), "out_of_order"},
      {"REFUSE after it", Frame(MuxRefuse(1, 403)), "out_of_order"},
      {"REFUSE amid an ACCEPT", Frame(MuxRecordOf(MuxType::kAccept, 2, "\1", kMuxMore) + MuxRefuse(2, 403)),
       "out_of_order"},
      {"REFUSE amid a REFUSE", Frame(MuxRefuse(2, 403, {}, kMuxMore) + MuxRefuse(2, 403)), "out_of_order"},
      {"another type amid a message", Frame(MuxText(1, "x", kMuxMore) + MuxBinary(1, "x")), "out_of_order"},
      {"a GROUP amid its MULTICAST", Frame(MuxGroupOf(1, {1}) + MuxToGroup(1, "x", kMuxMore) + MuxGroupOf(1, {1})),
       "out_of_order"},
      {"another type amid a group's message",
       Frame(MuxGroupOf(1, {1}) + MuxToGroup(1, "x", kMuxMore) + MuxToGroup(1, "x", wire::kMuxBinary)), "out_of_order"},
      {"a group that was not named", Frame(MuxToGroup(1, "x")), "bad_stream"},
      {"a group that was forgotten", Frame(MuxGroupOf(1, {1}) + MuxGroupOf(1, {}) + MuxToGroup(1, "x")), "bad_stream"},
      {"CREDIT of 0", Frame(MuxCredit(1, 0)), "bad_credit"},
      {"CREDIT of 0 for the link", Frame(MuxCredit(0, 0)), "bad_credit"},
      {"CREDIT of more than there can be", Frame(MuxCredit(1, 0x80000000)), "bad_credit"},
      {"CREDIT for more in all", Frame(MuxCredit(1, 0x7FFFFFFF)), "bad_credit"},
      {"CREDIT for more in all for the link", Frame(MuxCredit(0, 0x7FFFFFFF)), "bad_credit"},
      {"TEXT that is no UTF-8", Frame(MuxText(1, "\xFF")), "bad_utf8"},
      {"TEXT that ends amid a character", Frame(MuxText(1, "\xC3", kMuxMore) + MuxText(1, "")), "bad_utf8"},
      {"a MULTICAST that is no UTF-8", Frame(MuxMulticast({1}, "\xC3")), "bad_utf8"},
      {"a group's message that ends amid a character",
       Frame(MuxGroupOf(1, {1}) + MuxToGroup(1, "\xC3", kMuxMore) + MuxToGroup(1, "")), "bad_utf8"},
  };
}

struct Violated : MuxFixture {
  Violated() {
    Start();
    Open();
    Ask();
    MuxClient& over = Open();
    over.events.socket.reset();
    Settle();
  }
  LogRecorder log;
};

}  // namespace

TEST_CASE("whatever breaks the protocol closes the link, and its sessions are told so") {
  for (const Violation& one : Violations()) {
    CAPTURE(one.name);
    Violated mux;
    mux.app().SendBytes(one.frame);
    mux.Until([&] { return mux.app().closed(); });
    mux.Settle();
    CHECK(mux.app().Told("closed 1002"));
    CHECK(mux.clients[0]->events.told.back() == "closed upstream_gone");
    // What was not answered yet has a connection of its own now.
    CHECK((mux.clients[1]->events.told.empty() || mux.clients[1]->events.told.back().starts_with("closed upstream")));
    CHECK(mux.clients[2]->events.told.empty());
    CHECK_EQ(mux.log.Count("warning the backend broke the mux protocol"), 1);
    CHECK_EQ(mux.log.Count(std::string("cause=") + std::string(one.label)), 1);
    CHECK_EQ(mux.log.Count("warning"), 1);
    CHECK_EQ(mux.Sessions(), 0);
  }
}

TEST_CASE("data without credit closes the link") {
  Violated mux;
  mux.clients[0]->socket().PauseReading(PauseReason::kPeerFull);
  for (size_t sent = 0; sent < MuxLink::kSessionWindow; sent += 32'768) mux.Say(MuxText(1, std::string(32'768, 'x')));
  CHECK_EQ(mux.Sessions(), 2);
  SUBCASE("of its own") {
    mux.Say(MuxText(1, "x"));
  }
  SUBCASE("for many") {
    mux.Say(MuxMulticast({1}, "x"));
  }
  SUBCASE("with the last piece of a message") {
    mux.Say(MuxText(1, "", kMuxMore));
  }
  CHECK(mux.app().Told("closed 1002"));
  CHECK_EQ(mux.log.Count("cause=no_credit"), 1);
}

TEST_CASE("records before a violation are taken, those behind it are not") {
  Violated mux;
  mux.Say(MuxText(1, "before") + MuxBinary(0, "") + MuxText(1, "behind"));
  CHECK(mux.clients[0]->events.told == Lines{"message before", "closed upstream_gone"});
}

TEST_CASE("after a violation another link is made, and new sessions go there") {
  MuxFixture mux;
  mux.Start();
  mux.Open();
  mux.Say(MuxText(0, ""));
  mux.Until([&] { return mux.pool.backend.accepted() == 2 && !mux.app(1).head().empty(); });
  mux.app(1).Answer();
  mux.UntilReady(1);
  CHECK_EQ(mux.Open(1).id, 1);
}

TEST_CASE("a frame of more than a frame may hold closes the link") {
  Violated mux;
  const std::string half = MuxText(1, std::string(65'000, 'x'));
  mux.app().Send(half + half + half);
  mux.Until([&] { return mux.app().closed(); });
  mux.Settle();
  CHECK(mux.clients[0]->events.told.back().starts_with("closed upstream"));
  CHECK_EQ(mux.Sessions(), 0);
}

}  // namespace sheaf::pool
