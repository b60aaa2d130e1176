// One backend connection over a real socket that is a WebSocket: what passes, and how it ends.
#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "pool/upstream_link.h"
#include "tests/unit/pool/open_tunnel.h"

namespace sheaf::pool {
namespace {

using wire::Opcode;
using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("messages pass both ways through a tunnel, and pings are answered on the way") {
  OpenTunnel tunnel;
  tunnel.SendFromClient(ClientFrame(Opcode::kText, "to the backend"));
  tunnel.fixture.backend.Send(0, ServerFrame(Opcode::kPing, "p") + ServerFrame(Opcode::kBinary, "to the client"));
  const auto received = [&] { return ReadAsServer(tunnel.fixture.backend.received(0)); };
  tunnel.fixture.driver.Until([&] { return received().size() == 2; });
  CHECK(received() == Lines{"text to the backend", "pong p"});
  CHECK(tunnel.events.told == Lines{"binary to the client"});
}

TEST_CASE("a tunnel that both sides close is over in order") {
  OpenTunnel tunnel;
  tunnel.fixture.backend.Send(0, ServerClose(1001, "away"));
  tunnel.fixture.driver.Until([&] { return tunnel.events.Told("close 1001 away"); });
  tunnel.stream->SendClose(1001, "away");
  tunnel.fixture.driver.Until([&] { return !tunnel.fixture.backend.received(0).empty(); });
  CHECK(ReadAsServer(tunnel.fixture.backend.received(0)) == Lines{"close 1001 away"});
  tunnel.fixture.backend.Close(0);
  tunnel.fixture.driver.Until([&] { return tunnel.events.Told("end"); });
  CHECK(tunnel.events.told == Lines{"close 1001 away", "end"});
  CHECK_EQ(tunnel.fixture.Links(), 0);
}

TEST_CASE("a tunnel that the client's side closes sends its Close before the connection ends") {
  OpenTunnel tunnel;
  tunnel.SendFromClient(ClientFrame(Opcode::kText, "last words"));
  tunnel.stream->SendClose(1000, "bye");
  tunnel.stream->Close(CloseReason::kClientClosed);
  CHECK_EQ(tunnel.fixture.upstream->count(LinkState::kDraining), 1);
  CHECK_EQ(tunnel.fixture.Active(), 0);
  tunnel.fixture.driver.Until([&] { return tunnel.fixture.backend.ended(0); });
  CHECK(ReadAsServer(tunnel.fixture.backend.received(0)) == Lines{"text last words", "close 1000 bye"});
  tunnel.fixture.backend.Send(0, ServerFrame(Opcode::kText, "too late") + ServerClose(1000, "bye"));
  tunnel.fixture.backend.Close(0);
  tunnel.fixture.driver.Until([&] { return tunnel.fixture.Links() == 0; });
  CHECK(tunnel.events.told.empty());
}

TEST_CASE("a backend that never ends its side of a closed tunnel is cut off") {
  OpenTunnel tunnel;
  tunnel.stream->SendClose(1000, "");
  tunnel.stream.reset();
  tunnel.fixture.driver.Until([&] { return tunnel.fixture.Links() == 0; });  // after the pool's two seconds
  CHECK(tunnel.fixture.budget->TakeLink());
}

TEST_CASE("a tunnel whose connection ends without a Close is gone, by FIN as by RST") {
  for (const bool reset : {false, true}) {
    CAPTURE(reset);
    OpenTunnel tunnel;
    if (reset) {
      tunnel.fixture.backend.Reset(0);
    } else {
      tunnel.fixture.backend.Close(0);
    }
    tunnel.fixture.driver.Until([&] { return !tunnel.events.told.empty(); });
    CHECK(tunnel.events.told == Lines{"closed upstream_gone"});
    CHECK_EQ(tunnel.fixture.metrics.pool_retries_total.value(), 0);
    tunnel.fixture.driver.Settle();
    CHECK_EQ(tunnel.fixture.Links(), 0);
  }
}

TEST_CASE("messages that came before the end of a tunnel's connection are handed on first") {
  OpenTunnel tunnel;
  tunnel.fixture.backend.Send(0, ServerFrame(Opcode::kText, "last"));
  tunnel.fixture.backend.Close(0);
  tunnel.fixture.driver.Until([&] { return tunnel.events.told.size() == 2; });
  CHECK(tunnel.events.told == Lines{"message last", "closed upstream_gone"});
}

TEST_CASE("a backend that breaks the frame protocol, or sends too much, ends the tunnel with that reason") {
  OpenTunnel broken;
  broken.fixture.backend.Send(0, ClientFrame(Opcode::kText, "masked"));
  broken.fixture.driver.Until([&] { return broken.fixture.backend.ended(0); });
  CHECK(broken.events.told == Lines{"closed upstream_protocol_error"});
  CHECK(ReadAsServer(broken.fixture.backend.received(0)) == Lines{"close 1002 the backend broke the protocol"});

  OpenTunnel large;
  std::string header;
  wire::AppendFrameHeader(header, Opcode::kBinary, true, kFrameLimits.max_message + 1);
  large.fixture.backend.Send(0, header);
  large.fixture.driver.Until([&] { return large.fixture.backend.ended(0); });
  CHECK(large.events.told == Lines{"closed upstream_message_too_big"});
  const Lines told = ReadAsServer(large.fixture.backend.received(0));
  CHECK(told == Lines{"close 1009 the backend's message is over limits.max_upstream_message"});
}

TEST_CASE("a backend that breaks the protocol while a client's frame is half sent to it loses its connection at once") {
  OpenTunnel tunnel;
  const std::string frame = ClientFrame(Opcode::kText, "0123456789");
  tunnel.SendFromClient(frame.substr(0, 9));
  tunnel.fixture.backend.Send(0, ClientFrame(Opcode::kText, "masked"));
  tunnel.fixture.driver.Until([&] { return !tunnel.events.told.empty(); });
  CHECK_EQ(tunnel.fixture.upstream->count(LinkState::kDraining), 0);
  tunnel.fixture.driver.Until([&] { return tunnel.fixture.backend.ended(0); });
  CHECK(frame.starts_with(tunnel.fixture.backend.received(0)));
}

TEST_CASE("a backend that broke the protocol and goes on sending is cut off, and nobody hears of it") {
  OpenTunnel tunnel;
  tunnel.fixture.backend.Send(0, ClientFrame(Opcode::kText, "masked") + ServerFrame(Opcode::kText, "same read"));
  tunnel.fixture.driver.Until([&] { return !tunnel.events.told.empty(); });
  CHECK_EQ(tunnel.fixture.upstream->count(LinkState::kDraining), 1);
  tunnel.fixture.backend.Send(0, ServerFrame(Opcode::kText, "later"));
  tunnel.fixture.driver.Until([&] { return tunnel.fixture.Links() == 0; });  // after the pool's two seconds
  CHECK(tunnel.events.told == Lines{"closed upstream_protocol_error"});
}

TEST_CASE("pings of a backend that does not read are not answered one by one") {
  OpenTunnel tunnel;
  tunnel.fixture.backend.reads = false;
  net::Loop& loop = tunnel.fixture.driver.loop();
  // What the kernel takes of it is not ours to count.
  while (loop.queued_bytes() == 0) {
    tunnel.SendFromClient(ClientFrame(Opcode::kBinary, std::string(100'000, 'x')));
    tunnel.fixture.driver.Turn();
  }
  const size_t before = loop.queued_bytes();
  std::string pings;
  for (int i = 0; i < 100; ++i) pings += ServerFrame(Opcode::kPing, std::string(100, 'p'));
  for (int i = 0; i < 100; ++i) {
    tunnel.fixture.backend.Send(0, pings);
    tunnel.fixture.driver.Turn();
  }
  tunnel.fixture.backend.Send(0, ServerFrame(Opcode::kPing, "the last") + ServerFrame(Opcode::kText, "seen"));
  tunnel.fixture.driver.Until([&] { return tunnel.events.Told("message seen"); });
  CHECK_EQ(loop.queued_bytes(), before);
  tunnel.fixture.backend.reads = true;
  tunnel.fixture.driver.Until([&] { return loop.queued_bytes() == 0; });
  tunnel.fixture.driver.Settle();
  CHECK(ReadAsServer(tunnel.fixture.backend.received(0)).back() == "pong the last");
}

TEST_CASE("a tunnel's connection serves no second stream") {
  OpenTunnel tunnel;
  tunnel.stream->SendClose(1000, "");
  tunnel.stream.reset();
  RecordingEvents events;
  auto next = tunnel.fixture.OpenOn(1, Get(), events);
  CHECK_FALSE(next->reused());
}

TEST_CASE("a WebSocket closed from within each of its callbacks hears nothing more, and its connection ends in order") {
  const std::string frames =
      ServerFrame(Opcode::kText, "one") + ServerFrame(Opcode::kText, "two") + ServerClose(1000, "");
  for (const std::string word : {"message", "close", "blocked", "drained", "end", "closed"}) {
    CAPTURE(word);
    OpenTunnel tunnel;
    bool closed = false;
    tunnel.events.after = [&](std::string_view now) {
      if (now != word || std::exchange(closed, true)) return;
      tunnel.stream->Close(CloseReason::kClientGone);
      tunnel.stream->Close(CloseReason::kClientGone);
    };
    tunnel.fixture.backend.reads = word != "blocked" && word != "drained";
    while (!tunnel.fixture.backend.reads && !tunnel.events.Told("blocked")) {
      tunnel.SendFromClient(ClientFrame(Opcode::kBinary, std::string(100'000, 'x')));
      tunnel.fixture.driver.Turn();
    }
    tunnel.fixture.backend.reads = true;
    if (word != "drained") {
      if (word != "closed") tunnel.fixture.backend.Send(0, frames);
      tunnel.fixture.backend.Close(0);
    }
    tunnel.fixture.driver.Until([&] { return closed; });
    const Lines told = tunnel.events.told;
    tunnel.fixture.driver.Until([&] { return tunnel.fixture.Active() == 0; });
    if (word == "drained") tunnel.fixture.driver.Until([&] { return tunnel.fixture.backend.ended(0); });
    CHECK(tunnel.events.told == told);
    CHECK(tunnel.events.told.back().starts_with(word));
  }
}

}  // namespace sheaf::pool
