// What the app answers to an OPEN, and what the client's handshake gets of it.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/fakes/log_recorder.h"
#include "tests/unit/pool/mux_fixture.h"

namespace sheaf::pool {
namespace {

using Lines = std::vector<std::string>;

constexpr char kOver[] = "closed upstream_protocol_error";

// The app answers an OPEN, that offers a and b, with `records`.
struct Answered : MuxFixture {
  explicit Answered(const std::string& records) {
    Start();
    client = &Ask(OpenWebSocket("Sec-WebSocket-Protocol: a, b\r\n"));
    if (!records.empty()) Say(records);
  }
  const Lines& told() const { return client->events.told; }

  LogRecorder log;
  MuxClient* client;
};

// An answer that is none: the client gets 502 behind `before`, the app a Close, and the link goes on.
void ExpectBroken(const std::string& records, const Lines& before = {}) {
  Answered it(records);
  Lines told = before;
  told.push_back(kOver);
  CHECK(it.told() == told);
  it.Until([&] { return it.app().Told("close 1 1002 the backend broke the protocol"); });
  CHECK_EQ(it.Sessions(), 0);
  CHECK_EQ(it.Links(MuxLinkState::kReady), 1);
  CHECK_EQ(it.log.Count("warning the backend's answer is not valid"), 1);
  // What crosses with that is dropped.
  it.Say(MuxText(1, "late") + MuxBody(1, "late") + MuxClose(1, 1000));
  CHECK(it.told() == told);
  it.Open();
}

}  // namespace

TEST_CASE("an ACCEPT opens the WebSocket, and both sides are heard") {
  Answered it(MuxAccept(1, "b", {{"set-cookie", "a=1"}}) + MuxText(1, "at once"));
  CHECK(it.told() == Lines{"head 101", "message at once"});
  CHECK(it.client->socket().endpoint() == &it.pool.endpoint);
  it.client->SendText("back");
  it.Until([&] { return it.app().Told("text 1 back"); });
  CHECK_EQ(it.Sessions(), 1);
  CHECK_EQ(it.pool.endpoint.sessions(), 1);
  CHECK_EQ(it.pool.upstream->count(LinkState::kActive), 1);
}

TEST_CASE("an ACCEPT in pieces is one, with others' records between") {
  Answered it("");
  MuxClient& other = it.Open();
  const std::string payload = MuxAcceptPayload("", {{"x-long", std::string(5000, 'v')}, {"x-two", "2"}});
  using wire::kMuxMore;
  using wire::MuxType;
  it.Say(MuxRecordOf(MuxType::kAccept, 1, payload.substr(0, 1), kMuxMore) + MuxText(other.id, "between") +
         MuxRecordOf(MuxType::kAccept, 1, "", kMuxMore) +
         MuxRecordOf(MuxType::kAccept, 1, payload.substr(1, 4999), kMuxMore));
  CHECK(it.told().empty());
  CHECK(other.events.told == Lines{"message between"});
  it.Say(MuxRecordOf(MuxType::kAccept, 1, payload.substr(5000)));
  CHECK(it.told() == Lines{"head 101"});
}

TEST_CASE("a REFUSE without a body, with one of a declared length, and with one of any length") {
  using wire::kMuxMore;
  CHECK(Answered(MuxRefuse(1, 403)).told() == Lines{"head 403", "end"});
  CHECK(
      Answered(MuxRefuse(1, 404, {{"content-length", "5"}}, kMuxMore) + MuxBody(1, "he", kMuxMore) + MuxBody(1, "llo"))
          .told() == Lines{"head 404", "body hello", "end"});
  CHECK(Answered(MuxRefuse(1, 503, {{"x", "y"}}, kMuxMore) + MuxBody(1, "hello", kMuxMore) + MuxBody(1, "")).told() ==
        Lines{"head 503", "body hello", "end"});
  CHECK(Answered(MuxRefuse(1, 401, {{"content-length", "0"}}, kMuxMore) + MuxBody(1, "")).told() ==
        Lines{"head 401", "end"});
}

TEST_CASE("a session that was refused is over, and what the app says of it besides is dropped") {
  Answered it(MuxRefuse(1, 403));
  CHECK_EQ(it.Sessions(), 0);
  CHECK_EQ(it.pool.endpoint.sessions(), 0);
  it.Say(MuxBody(1, "x") + MuxClose(1, 1000) + MuxMulticast({1}, "to all"));
  CHECK(it.told() == Lines{"head 403", "end"});
  CHECK_EQ(it.app().CountOf("close"), 0);
  CHECK_EQ(it.Links(MuxLinkState::kReady), 1);
}

TEST_CASE("a body that is longer or shorter than declared breaks the answer") {
  using wire::kMuxMore;
  ExpectBroken(MuxRefuse(1, 403, {{"content-length", "2"}}, kMuxMore) + MuxBody(1, "abc"), {"head 403"});
  ExpectBroken(MuxRefuse(1, 403, {{"content-length", "4"}}, kMuxMore) + MuxBody(1, "abc"), {"head 403", "body abc"});
  ExpectBroken(MuxRefuse(1, 403, {{"content-length", "4"}}), {"head 403"});
  ExpectBroken(MuxRefuse(1, 304, {}, kMuxMore) + MuxBody(1, "a"), {"head 304"});
  ExpectBroken(MuxRefuse(1, 403, {{"content-length", "1"}, {"content-length", "2"}}));
}

TEST_CASE("an ACCEPT of a subprotocol or an extension that was not offered breaks the answer") {
  ExpectBroken(MuxAccept(1, "c"));
  ExpectBroken(MuxAccept(1, "", {{"sec-websocket-extensions", "permessage-deflate"}}));
  ExpectBroken(MuxAccept(1, "a", {{"sec-websocket-protocol", "b"}}));
}

TEST_CASE("a field that HTTP does not allow breaks the answer, lest it become another field, or the end of the head") {
  for (const std::string value : {"a\r\nset-cookie: b=1", "a\nb", "a\r\n\r\nHTTP/1.1 200 OK", "a\rb"}) {
    ExpectBroken(MuxAccept(1, "", {{"x", value}}));
    ExpectBroken(MuxRefuse(1, 403, {{"x", value}}));
  }
  ExpectBroken(MuxAccept(1, "", {{"x", std::string("a\0b", 3)}}));
  for (const std::string name : {"", "a b", "a:", "a\r\nb", "\xC3\xA4"}) {
    ExpectBroken(MuxAccept(1, "", {{name, "v"}}));
    ExpectBroken(MuxRefuse(1, 403, {{name, "v"}}));
  }
  ExpectBroken(MuxAccept(1, "a\r\nset-cookie: b=1"));
}

TEST_CASE("a status that no refusal has breaks the answer") {
  for (const int status : {0, 99, 100, 101, 200, 204, 299, 426, 600, 999, 65535}) {
    CAPTURE(status);
    ExpectBroken(MuxRefuse(1, static_cast<uint16_t>(status)));
  }
}

TEST_CASE("a client that leaves before the answer, or amid it, is told of to the app at once") {
  for (const std::string& records : {std::string(), MuxRecordOf(wire::MuxType::kAccept, 1, "\x01", wire::kMuxMore),
                                     MuxRefuse(1, 403, {}, wire::kMuxMore) + MuxBody(1, "half", wire::kMuxMore)}) {
    Answered it(records);
    const Lines before = it.told();
    it.client->handshake->Close(CloseReason::kClientGone);
    it.Until([&] { return it.app().Told("close 1 1006"); });
    CHECK_EQ(it.Sessions(), 0);
    it.Say(MuxAccept(1) + MuxText(1, "late") + MuxClose(1, 1006));
    CHECK(it.told() == before);
    CHECK_EQ(it.app().CountOf("close"), 1);
    CHECK_EQ(it.Links(MuxLinkState::kReady), 1);
  }
}

TEST_CASE("an invalid answer is told with its cause and the request, without the values of fields") {
  Answered it(MuxAccept(1, "c", {{"x-secret", "s3cret"}}));
  CHECK_EQ(it.log.Count("cause=unoffered_subprotocol"), 1);
  CHECK_EQ(it.log.Count("request=GET /"), 1);
  CHECK_EQ(it.log.Count("s3cret"), 0);
}

}  // namespace sheaf::pool
