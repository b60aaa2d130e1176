// One use of the pool: given up in every state, sent a second time when that is safe, fed before it has a connection.
#include "pool/pooled_stream.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/fakes/pool_fixture.h"

namespace sheaf::pool {
namespace {

using std::chrono::milliseconds;
using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("a request is repeatable when its method is idempotent and it has no body") {
  for (const std::string method : {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"}) {
    CAPTURE(method);
    CHECK(Request(method).repeatable());
    for (const wire::BodyKind kind : {wire::BodyKind::kLength, wire::BodyKind::kChunked}) {
      HttpRequest with_body = Request(method);
      with_body.body = kind;
      CHECK_FALSE(with_body.repeatable());
    }
  }
  for (const std::string method : {"POST", "PATCH", "get", ""}) {
    CAPTURE(method);
    CHECK_FALSE(Request(method).repeatable());
  }
}

TEST_CASE("a stream given up while it waits leaves the queue and hears nothing") {
  PoolFixture fixture;
  fixture.options.pool.max_size = 1;
  fixture.Start();
  RecordingEvents active, given_up, next;
  auto one = fixture.OpenOn(0, Get("/1"), active);
  auto two = fixture.upstream->Send(Get("/2"), given_up);
  auto three = fixture.upstream->Send(Get("/3"), next);
  two.reset();
  CHECK_EQ(fixture.upstream->waiting(), 1);
  CHECK_EQ(fixture.budget->waiting(), 1);
  fixture.backend.Forget(0);
  fixture.backend.Answer(0);
  fixture.driver.Until([&] { return !fixture.backend.received(0).empty(); });
  CHECK_EQ(fixture.backend.received(0), Get("/3").head);
  CHECK(given_up.told.empty());
}

TEST_CASE("a stream given up while its connection is being dialled leaves that connection to others") {
  PoolFixture fixture;
  fixture.Start();
  RecordingEvents given_up;
  auto stream = fixture.upstream->Send(Get(), given_up);
  fixture.upstreams.Maintain();
  CHECK_EQ(fixture.upstream->count(LinkState::kConnecting), 1);
  stream.reset();
  fixture.driver.Until([&] { return fixture.Idle() == 1; });
  CHECK(given_up.told.empty());
}

TEST_CASE("an exchange given up before, within or behind its head ends the connection") {
  for (const std::string sent : {"", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"}) {
    CAPTURE(sent);
    PoolFixture fixture;
    fixture.Start();
    RecordingEvents events;
    auto stream = fixture.OpenOn(0, Get(), events);
    if (!sent.empty()) fixture.backend.Send(0, sent);
    fixture.driver.Settle();
    const Lines told = events.told;
    stream.reset();
    fixture.driver.Until([&] { return fixture.backend.ended(0); });
    CHECK(events.told == told);
    CHECK_EQ(fixture.Links(), 0);
    CHECK(fixture.budget->TakeLink());
  }
}

TEST_CASE("a stream closed from within each of its callbacks hears nothing more") {
  const std::string response =
      "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: "
      "chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n";
  for (const std::string word : {"head", "body", "end"}) {
    CAPTURE(word);
    PoolFixture fixture;
    fixture.Start();
    RecordingEvents events;
    auto stream = fixture.OpenOn(0, Get(), events);
    size_t told = 0;
    events.after = [&](std::string_view now) {
      if (now != word || told != 0) return;
      told = events.told.size();
      stream->Close(CloseReason::kClientGone);
      stream->Close(CloseReason::kClientGone);
    };
    fixture.backend.Send(0, response);
    fixture.driver.Until([&] { return told != 0; });
    fixture.driver.Settle();
    CHECK_EQ(events.told.size(), told);
    CHECK_FALSE(stream->leased());
    CHECK_EQ(fixture.Idle(), word == "end" ? 1 : 0);
  }
}

TEST_CASE("a finished stream may be given up long after its connection serves another") {
  PoolFixture fixture;
  fixture.options.pool.max_size = 1;
  fixture.Start();
  RecordingEvents first, second;
  auto one = fixture.OpenOn(0, Get("/1"), first);
  fixture.backend.Forget(0);
  fixture.backend.Answer(0);
  fixture.driver.Until([&] { return first.Told("end"); });
  auto two = fixture.OpenOn(0, Get("/2"), second);
  one.reset();
  fixture.backend.Answer(0, "two");
  fixture.driver.Until([&] { return second.Told("end"); });
  CHECK(second.told == Lines{"head 200", "body two", "end"});
}

TEST_CASE("a safe request on a pooled connection that turned out to be dead is sent once more, on a new connection") {
  for (const bool reset : {false, true}) {
    CAPTURE(reset);
    PoolFixture fixture;
    fixture.options.pool.max_size = 1;
    fixture.StartWarm(1);
    RecordingEvents events;
    auto stream = fixture.OpenOn(0, Get(), events);
    CHECK(stream->reused());
    if (reset) {
      fixture.backend.Reset(0);
    } else {
      fixture.backend.Close(0);
    }
    fixture.driver.Until([&] { return fixture.backend.accepted() == 2 && !fixture.backend.received(1).empty(); });
    CHECK_EQ(fixture.backend.received(1), Get().head);
    CHECK(events.told.empty());
    CHECK_FALSE(stream->reused());
    CHECK_EQ(fixture.metrics.pool_retries_total.value(), 1);
    fixture.backend.Answer(1);
    fixture.driver.Until([&] { return events.Told("end"); });
    CHECK(events.told == Lines{"head 200", "body ok", "end"});
  }
}

TEST_CASE("a WebSocket handshake on a dead pooled connection is sent once more") {
  PoolFixture fixture;
  fixture.options.pool.max_size = 1;
  fixture.StartWarm(1);
  RecordingEvents events;
  auto stream = fixture.OpenOn(0, OpenWebSocket(), events);
  fixture.backend.Close(0);
  fixture.driver.Until([&] { return fixture.backend.accepted() == 2 && !fixture.backend.received(1).empty(); });
  CHECK_EQ(fixture.backend.received(1), UpgradeHead());
  CHECK_EQ(fixture.metrics.pool_retries_total.value(), 1);
  CHECK(events.told.empty());
}

// What is kept to be sent again.
size_t Kept(const HttpStream& stream) {
  return static_cast<const PooledStream&>(stream).request().head.size();
}

TEST_CASE("a request is kept until its first byte of an answer where it may be sent again") {
  PoolFixture fixture;
  fixture.StartWarm(1);
  RecordingEvents events;
  auto stream = fixture.OpenOn(0, Get(), events);
  CHECK_EQ(Kept(*stream), Get().head.size());
  fixture.backend.Send(0, "H");
  fixture.driver.Until([&] { return Kept(*stream) == 0; });
}

TEST_CASE("a request that may not be sent again is given back as soon as it is sent, its body with it") {
  PoolFixture fixture;
  fixture.Start();
  RecordingEvents get, upload;
  auto on_a_new_connection = fixture.OpenOn(0, Get(), get);
  CHECK_EQ(Kept(*on_a_new_connection), 0);
  auto with_a_body = fixture.upstream->Send(Upload(), upload);
  with_a_body->SendBody(std::string(10'000, 'x'));
  CHECK(Kept(*with_a_body) > 10'000);
  fixture.driver.Until([&] { return with_a_body->leased(); });
  CHECK_EQ(Kept(*with_a_body), 0);
}

TEST_CASE("the second attempt is the last, and keeps nothing for a third") {
  PoolFixture fixture;
  fixture.options.pool.max_size = 1;
  fixture.StartWarm(1);
  RecordingEvents events;
  auto stream = fixture.OpenOn(0, Get(), events);
  fixture.backend.Close(0);
  fixture.driver.Until([&] { return fixture.backend.accepted() == 2 && !fixture.backend.received(1).empty(); });
  CHECK_EQ(Kept(*stream), 0);
  fixture.backend.Close(1);
  fixture.driver.Until([&] { return !events.told.empty(); });
  CHECK(events.told == Lines{"closed upstream_gone"});
  CHECK_EQ(fixture.metrics.pool_retries_total.value(), 1);
}

TEST_CASE("the second attempt goes to a new connection though others lie idle, and no one behind it is lost") {
  PoolFixture fixture;
  fixture.options.pool.max_size = 3;
  fixture.StartWarm(3);
  RecordingEvents first, second;
  auto stream = fixture.upstream->Send(Get("/1"), first);
  fixture.driver.Settle();
  size_t used = 0;
  while (used < 2 && fixture.backend.received(used).empty()) ++used;
  fixture.backend.Close(used);
  fixture.driver.Until([&] { return fixture.backend.accepted() == 4 && !fixture.backend.received(3).empty(); });
  CHECK_EQ(fixture.backend.received(3), Get("/1").head);
  auto other = fixture.upstream->Send(Get("/2"), second);
  CHECK(other->leased());
}

TEST_CASE("a request that may not be repeated fails with its pooled connection") {
  std::vector<HttpRequest> requests;
  requests.push_back(Request("POST"));
  requests.push_back(Upload());
  HttpRequest put = Request("PUT");
  put.body = wire::BodyKind::kLength;
  requests.push_back(put);
  for (HttpRequest& request : requests) {
    CAPTURE(request.method);
    PoolFixture fixture;
    fixture.StartWarm(1);
    RecordingEvents events;
    auto stream = fixture.OpenOn(0, std::move(request), events);
    fixture.backend.Close(0);
    fixture.driver.Until([&] { return !events.told.empty(); });
    CHECK(events.told == Lines{"closed upstream_gone"});
    CHECK_EQ(fixture.metrics.pool_retries_total.value(), 0);
  }
}

TEST_CASE("a request is not repeated once a byte of its response has come") {
  PoolFixture fixture;
  fixture.StartWarm(1);
  RecordingEvents events;
  auto stream = fixture.OpenOn(0, Get(), events);
  fixture.backend.Send(0, "H");
  fixture.backend.Close(0);
  fixture.driver.Until([&] { return !events.told.empty(); });
  CHECK(events.told == Lines{"closed upstream_truncated"});
  CHECK_EQ(fixture.metrics.pool_retries_total.value(), 0);
}

TEST_CASE("a request is not repeated when its connection was new") {
  PoolFixture fixture;
  fixture.Start();
  RecordingEvents events;
  auto stream = fixture.OpenOn(0, Get(), events);
  fixture.backend.Close(0);
  fixture.driver.Until([&] { return !events.told.empty(); });
  CHECK(events.told == Lines{"closed upstream_gone"});
  CHECK_EQ(fixture.metrics.pool_retries_total.value(), 0);
}

TEST_CASE("a second attempt may wait for its connection though the first one took longer than acquire_timeout") {
  PoolFixture fixture;
  fixture.options.pool.acquire_timeout = milliseconds(100);
  fixture.options.pool.max_size = 1;
  fixture.StartWarm(1);
  RecordingEvents events;
  auto stream = fixture.OpenOn(0, Get(), events);
  fixture.driver.For(milliseconds(300));
  fixture.backend.Close(0);
  fixture.driver.Until([&] { return fixture.backend.accepted() == 2 || !events.told.empty(); });
  CHECK(events.told.empty());
}

TEST_CASE("a body that comes before there is a connection follows its head") {
  PoolFixture fixture;
  fixture.Start();
  RecordingEvents events;
  auto stream = fixture.upstream->Send(Upload(), events);
  stream->SendBody("hello");
  stream->SendBody("");
  stream->FinishBody();
  stream->FinishBody();
  const std::string expected = Upload().head + "5\r\nhello\r\n0\r\n\r\n";
  fixture.driver.Until(
      [&] { return fixture.backend.accepted() == 1 && fixture.backend.received(0).size() >= expected.size(); });
  fixture.driver.Settle();
  CHECK_EQ(fixture.backend.received(0), expected);
  fixture.backend.Answer(0);
  fixture.driver.Until([&] { return events.Told("end"); });
  CHECK_EQ(fixture.Idle(), 1);
}

TEST_CASE("a body may begin before there is a connection and end after") {
  PoolFixture fixture;
  fixture.Start();
  RecordingEvents events;
  auto stream = fixture.upstream->Send(Upload(), events);
  stream->SendBody("hello");
  fixture.driver.Until([&] { return stream->leased(); });
  stream->SendBody("world!");
  stream->FinishBody();
  const std::string expected = Upload().head + "5\r\nhello\r\n6\r\nworld!\r\n0\r\n\r\n";
  fixture.driver.Until(
      [&] { return fixture.backend.accepted() == 1 && fixture.backend.received(0).size() >= expected.size(); });
  CHECK_EQ(fixture.backend.received(0), expected);
}

TEST_CASE(
    "a body that piles up before there is a connection blocks its sender once, and the connection lets it go on") {
  PoolFixture fixture;
  fixture.options.pool.max_size = 1;
  fixture.Start();
  RecordingEvents active, events;
  auto one = fixture.OpenOn(0, Get(), active);
  auto two = fixture.upstream->Send(Upload(wire::BodyKind::kLength), events);
  two->SendBody(std::string(40'000, 'x'));
  CHECK(events.told.empty());
  two->SendBody(std::string(40'000, 'x'));
  two->SendBody(std::string(40'000, 'x'));
  CHECK(events.told == Lines{"blocked"});
  fixture.backend.Forget(0);
  fixture.backend.Answer(0);
  fixture.driver.Until([&] { return events.Told("drained"); });
  fixture.driver.Until([&] { return fixture.backend.received(0).size() == Upload().head.size() + 120'000; });
}

TEST_CASE("a backend that does not read blocks the sender, and every byte arrives when it does") {
  PoolFixture fixture;
  fixture.Start();
  RecordingEvents events;
  auto stream = fixture.OpenOn(0, Upload(wire::BodyKind::kLength), events);
  fixture.backend.Forget(0);
  fixture.backend.reads = false;
  std::string sent;
  for (char c = 'a'; !events.Told("blocked"); c = c == 'z' ? 'a' : static_cast<char>(c + 1)) {
    const std::string part(100'000, c);
    stream->SendBody(part);
    sent += part;
    fixture.driver.Turn();
    REQUIRE(sent.size() < 100'000'000);
  }
  CHECK_FALSE(events.Told("drained"));
  fixture.backend.reads = true;
  fixture.driver.Until([&] { return events.Told("drained"); });
  fixture.driver.Until([&] { return fixture.backend.received(0).size() == sent.size(); });
  CHECK((fixture.backend.received(0) == sent));  // without printing megabytes
  CHECK(events.told == Lines{"blocked", "drained"});
}

TEST_CASE("a paused stream is handed nothing, and everything when it goes on") {
  PoolFixture fixture;
  fixture.Start();
  RecordingEvents events;
  auto stream = fixture.OpenOn(0, Get(), events);
  stream->PauseReading(PauseReason::kPeerFull);
  fixture.backend.Answer(0, "hello");
  fixture.driver.Settle();
  CHECK(events.told.empty());
  stream->ResumeReading(PauseReason::kPeerFull);
  fixture.driver.Until([&] { return events.Told("end"); });
  CHECK(events.told == Lines{"head 200", "body hello", "end"});
}

TEST_CASE("a connection that was paused at the end of its response is read again by its next user") {
  PoolFixture fixture;
  fixture.options.pool.max_size = 1;
  fixture.Start();
  RecordingEvents first, second;
  auto one = fixture.OpenOn(0, Get(), first);
  first.after = [&](std::string_view word) {
    if (word == "body") one->PauseReading(PauseReason::kPeerFull);
  };
  fixture.backend.Forget(0);
  fixture.backend.Answer(0);
  fixture.driver.Until([&] { return first.Told("end"); });
  auto two = fixture.OpenOn(0, Get(), second);
  fixture.backend.Answer(0);
  fixture.driver.Until([&] { return second.Told("end"); });
}

TEST_CASE("what is sent on a stream that is over goes nowhere and breaks nothing") {
  PoolFixture fixture;
  fixture.Start();
  RecordingEvents events;
  auto stream = fixture.OpenOn(0, Upload(), events);
  stream->Close(CloseReason::kDone);
  stream->SendBody("late");
  stream->FinishBody();
  stream->PauseReading(PauseReason::kPeerFull);
  stream->ResumeReading(PauseReason::kPeerFull);
  fixture.driver.Settle();
  CHECK(events.told.empty());
}

TEST_CASE("a body that goes on after its response is over goes nowhere") {
  PoolFixture fixture;
  fixture.Start();
  RecordingEvents events;
  auto stream = fixture.OpenOn(0, Upload(), events);
  fixture.backend.Send(0, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n");
  fixture.driver.Until([&] { return events.Told("end"); });
  stream->SendBody("more");
  stream->FinishBody();
  fixture.driver.Settle();
  CHECK(events.told == Lines{"head 413", "end"});
  CHECK_EQ(fixture.Links(), 0);
}

}  // namespace sheaf::pool
