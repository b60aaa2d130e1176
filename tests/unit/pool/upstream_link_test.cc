// One backend connection over a real socket: how it is given back, and how it fails.
#include "pool/upstream_link.h"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

#include "tests/fakes/pool_fixture.h"

namespace sheaf::pool {
namespace {

using std::chrono::milliseconds;
using Lines = std::vector<std::string>;

struct Row {
  std::string response;
  bool then_close;  // the backend closes behind it
  Lines told;
  bool reusable;
};
const Row kResponses[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false, {"head 200", "body ok", "end"}, true},
    {"HTTP/1.1 204 No Content\r\n\r\n", false, {"head 204", "end"}, true},
    {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
     false,
     {"head 200", "body ok", "end"},
     false},
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokextra", false, {"head 200", "body ok", "end"}, false},
    {"HTTP/1.1 200 OK\r\n\r\nuntil the end", true, {"head 200", "body until the end", "end"}, false},
    {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
     true,
     {"head 200", "body half", "closed upstream_truncated"},
     false},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
     true,
     {"head 200", "body half", "closed upstream_truncated"},
     false},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
     false,
     {"head 200", "closed upstream_protocol_error"},
     false},
    {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
     false,
     {"closed upstream_protocol_error"},
     false},
    {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
     false,
     {"closed upstream_protocol_error"},
     false},
    {"", true, {"closed upstream_gone"}, false},
};

}  // namespace

TEST_CASE("a link is counted in the list of its state and in no other") {
  PoolFixture fixture;
  fixture.Start();
  RecordingEvents events;
  auto stream = fixture.upstream->Send(Get(), events);
  fixture.upstreams.Maintain();
  CHECK_EQ(fixture.upstream->count(LinkState::kConnecting), 1);
  CHECK_EQ(fixture.Links(), 1);
  fixture.driver.Until([&] { return stream->leased(); });
  CHECK_EQ(fixture.Active(), 1);
  CHECK_EQ(fixture.Links(), 1);
  fixture.driver.Until([&] { return fixture.backend.accepted() == 1; });
  fixture.backend.Answer(0);
  fixture.driver.Until([&] { return events.Told("end"); });
  CHECK_EQ(fixture.Idle(), 1);
  CHECK_EQ(fixture.Links(), 1);
  for (size_t state = 0; state < kLinkStates; ++state) {
    CHECK_EQ(fixture.metrics.pool_links[static_cast<LinkState>(state)].value(),
             static_cast<LinkState>(state) == LinkState::kIdle ? 1 : 0);
  }
}

TEST_CASE("a clean response gives the connection back, every other one ends it") {
  for (const Row& row : kResponses) {
    CAPTURE(row.response);
    PoolFixture fixture;
    fixture.Start();
    RecordingEvents events;
    auto stream = fixture.OpenOn(0, Get(), events);
    if (!row.response.empty()) fixture.backend.Send(0, row.response);
    if (row.then_close) fixture.backend.Close(0);
    fixture.driver.Until([&] { return events.told.size() == row.told.size(); });
    fixture.driver.Settle();
    CHECK(events.told == row.told);
    CHECK_EQ(fixture.Idle(), row.reusable ? 1 : 0);
    CHECK_EQ(fixture.Links(), row.reusable ? 1 : 0);
    if (!row.then_close) CHECK_EQ(fixture.backend.ended(0), !row.reusable);
    CHECK_FALSE(stream->leased());
  }
}

TEST_CASE("a connection that breaks off within a body without a length is truncated, not ended") {
  PoolFixture fixture;
  fixture.Start();
  RecordingEvents events;
  auto stream = fixture.OpenOn(0, Get(), events);
  fixture.backend.Send(0, "HTTP/1.1 200 OK\r\n\r\npart");
  fixture.driver.Until([&] { return events.told.size() == 2; });
  fixture.backend.Reset(0);
  fixture.driver.Until([&] { return events.told.size() == 3; });
  CHECK(events.told == Lines{"head 200", "body part", "closed upstream_truncated"});
}

TEST_CASE("a response larger than a receive buffer comes whole and in order") {
  PoolFixture fixture;
  fixture.Start();
  RecordingEvents events;
  auto stream = fixture.OpenOn(0, Get(), events);
  std::string body;
  for (int i = 0; i < 30'000; ++i) body += std::to_string(i) + ",";
  fixture.backend.Answer(0, body);
  fixture.driver.Until([&] { return events.Told("end"); });
  REQUIRE_EQ(events.told.size(), 3);
  CHECK((events.told[1] == "body " + body));  // without printing it
  CHECK_EQ(fixture.Idle(), 1);
}

TEST_CASE("a backend that accepts nothing fails the dial at connect_timeout") {
  PoolFixture fixture;
  fixture.options.upstream.connect_timeout = milliseconds(150);
  fixture.options.pool.backoff_min = fixture.options.pool.backoff_max = milliseconds(60'000);
  // 192.0.2.0/24 is no network that answers (RFC 5737); where it cannot even be dialled the failure is another one.
  const net::Address nowhere = net::Address::Resolve("192.0.2.1:9").value();
  fixture.Start();
  fixture.SetAddresses({nowhere});
  RecordingEvents events;
  auto stream = fixture.upstream->Send(Get(), events);
  fixture.driver.Until([&] { return !events.told.empty(); });
  CHECK((events.told == Lines{"closed upstream_timeout"} || events.told == Lines{"closed upstream_connect_failed"}));
  CHECK_EQ(fixture.metrics.pool_failed_total.value(), 1);
  CHECK_EQ(fixture.Links(), 0);
  CHECK(fixture.budget->TakeLink());
}

}  // namespace sheaf::pool
