// One backend connection over a real socket that is to become a WebSocket: what its 101 brings, and what a refusal.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pool/upstream_link.h"
#include "tests/fakes/pool_fixture.h"

namespace sheaf::pool {
namespace {

using wire::Opcode;
using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("a valid 101 opens a tunnel, and frames that came with it are handed on") {
  PoolFixture fixture;
  fixture.Start();
  RecordingEvents events;
  auto stream = fixture.OpenOn(0, OpenWebSocket(), events);
  fixture.backend.Send(0, Switching() + ServerFrame(Opcode::kText, "early") + ServerFrame(Opcode::kText, "bird"));
  fixture.driver.Until([&] { return events.told.size() == 3; });
  CHECK(events.told == Lines{"head 101", "message early", "message bird"});
}

TEST_CASE("a stream closed from within its 101 is not handed the frames that came with it") {
  PoolFixture fixture;
  fixture.Start();
  RecordingEvents events;
  auto stream = fixture.OpenOn(0, OpenWebSocket(), events);
  events.after = [&](std::string_view) { events.socket->Close(CloseReason::kClientGone); };
  fixture.backend.Send(0, Switching() + ServerFrame(Opcode::kText, "early"));
  fixture.driver.Until([&] { return fixture.backend.ended(0); });
  CHECK(events.told == Lines{"head 101"});
}

TEST_CASE("what an upgrade keeps to be sent again is given back before its 101 is told, and at a refusal's head") {
  for (const bool refused : {false, true}) {
    CAPTURE(refused);
    PoolFixture fixture;
    fixture.StartWarm(1);  // so that it may be sent again
    RecordingEvents events;
    std::weak_ptr<const Upgrade> kept;
    std::unique_ptr<HttpStream> stream;
    {
      const std::shared_ptr<const Upgrade> upgrade = OpenWebSocket();
      kept = upgrade;
      stream = fixture.OpenOn(0, upgrade, events);
    }
    fixture.backend.Send(0, "HTTP/1.1 103 Early Hints\r\n\r\n");
    fixture.driver.Until([&] { return events.Told("head 103"); });
    CHECK_FALSE(kept.expired());  // what was asked is compared with the 101
    bool given_back = false;
    events.after = [&](std::string_view) { given_back = kept.expired(); };
    fixture.backend.Send(0, refused ? "HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\n" : Switching());
    fixture.driver.Until([&] { return events.told.size() == 2; });
    CHECK(given_back);
  }
}

TEST_CASE("an upgrade that somebody else keeps opens one WebSocket after another") {
  PoolFixture fixture;
  fixture.Start();
  const std::shared_ptr<const Upgrade> upgrade = OpenWebSocket();
  for (size_t i = 0; i < 2; ++i) {
    RecordingEvents events;
    const auto stream = fixture.OpenOn(i, upgrade, events);
    CHECK_EQ(fixture.backend.received(i), UpgradeHead());
    fixture.backend.Send(i, Switching());
    fixture.driver.Until([&] { return events.Told("head 101"); });
  }
  CHECK_EQ(upgrade.use_count(), 1);
}

TEST_CASE("a session may send from within its 101, and close in the same breath") {
  PoolFixture fixture;
  fixture.Start();
  RecordingEvents events;
  auto stream = fixture.OpenOn(0, OpenWebSocket(), events);
  fixture.backend.Forget(0);
  events.after = [&](std::string_view word) {
    if (word != "head") return;
    std::string frame = ClientFrame(Opcode::kText, "at once");
    std::span<uint8_t> input(reinterpret_cast<uint8_t*>(frame.data()), frame.size());
    wire::FrameDecoder client(wire::FrameSource::kClient, kFrameLimits);
    events.socket->SendMessage(client.Next(input));
    events.socket->SendClose(1000, "bye");
  };
  // Split within the head, so that it is put together from two reads.
  fixture.backend.Send(0, Switching().substr(0, 50));
  fixture.driver.Settle();
  fixture.backend.Send(0, Switching().substr(50) + ServerFrame(Opcode::kText, "early"));
  fixture.driver.Until([&] { return events.told.size() == 2; });
  CHECK(events.told == Lines{"head 101", "message early"});
  fixture.driver.Until([&] { return !fixture.backend.received(0).empty(); });
  CHECK(ReadAsServer(fixture.backend.received(0)) == Lines{"text at once", "close 1000 bye"});
}

TEST_CASE("a socket dropped from within its 101 ends in order, and the next request is not served on it") {
  PoolFixture fixture;
  fixture.Start();
  RecordingEvents events;
  auto stream = fixture.OpenOn(0, OpenWebSocket(), events);
  events.after = [&](std::string_view) {
    events.socket.reset();
    stream.reset();
  };
  fixture.backend.Send(0, Switching() + ServerFrame(Opcode::kText, "early"));
  fixture.driver.Until([&] { return fixture.backend.ended(0); });
  CHECK(events.told == Lines{"head 101"});
  fixture.backend.Close(0);
  fixture.driver.Until([&] { return fixture.Links() == 0; });
}

TEST_CASE("a refused WebSocket leaves the connection to the next request") {
  PoolFixture fixture;
  fixture.Start();
  RecordingEvents events;
  auto stream = fixture.OpenOn(0, OpenWebSocket(), events);
  fixture.backend.Send(0, "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
  fixture.driver.Until([&] { return events.Told("end"); });
  CHECK(events.told == Lines{"head 403", "body no", "end"});
  CHECK_EQ(fixture.Idle(), 1);
}

TEST_CASE("an invalid 101 ends the connection and the client never sees it") {
  PoolFixture fixture;
  fixture.Start();
  RecordingEvents events;
  auto stream = fixture.OpenOn(0, OpenWebSocket(), events);
  fixture.backend.Send(0, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  fixture.driver.Until([&] { return fixture.backend.ended(0); });
  CHECK(events.told == Lines{"closed upstream_protocol_error"});
}

}  // namespace sheaf::pool
