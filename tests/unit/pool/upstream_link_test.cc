// One backend connection over a real socket: how it is given back, how it fails, and how a WebSocket on it ends.
#include "pool/upstream_link.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/fakes/log_recorder.h"
#include "tests/fakes/pool_fixture.h"

namespace sheaf::pool {
namespace {

using std::chrono::milliseconds;
using wire::Opcode;
using Lines = std::vector<std::string>;

// A WebSocket that is open through the pool.
struct OpenTunnel {
  OpenTunnel() {
    fixture.Start();
    const auto handshake = fixture.OpenOn(0, OpenWebSocket(), events);
    fixture.backend.Forget(0);
    fixture.backend.Send(0, Switching());
    fixture.driver.Until([&] { return events.Told("head 101"); });
    stream = std::move(events.socket);
    events.told.clear();
  }

  void SendFromClient(std::string_view frame) {
    std::vector<uint8_t> bytes(frame.begin(), frame.end());
    std::span<uint8_t> input = bytes;
    for (;;) {
      const wire::FramePiece piece = client.Next(input);
      if (piece.kind != wire::FramePiece::Kind::kData) return;
      stream->SendMessage(piece);
    }
  }

  PoolFixture fixture;
  RecordingEvents events;
  wire::FrameDecoder client{wire::FrameSource::kClient, kFrameLimits};
  std::unique_ptr<SocketStream> stream;
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
  struct Row {
    std::string response;
    bool then_close;  // the backend closes behind it
    Lines told;
    bool reusable;
  };
  const Row rows[] = {
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
  for (const Row& row : rows) {
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
  fixture.upstream->SetTargets(nowhere);
  RecordingEvents events;
  auto stream = fixture.upstream->Send(Get(), events);
  fixture.driver.Until([&] { return !events.told.empty(); });
  CHECK((events.told == Lines{"closed upstream_timeout"} || events.told == Lines{"closed upstream_connect_failed"}));
  CHECK_EQ(fixture.metrics.pool_failed_total.value(), 1);
  CHECK_EQ(fixture.Links(), 0);
  CHECK(fixture.budget->TakeLink());
}

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

TEST_CASE("the log says which fault of the backend's answer it was, and what was seen, and not the query") {
  struct Row {
    std::string_view cause;
    std::string_view seen;
    std::string_view answer;
    bool websocket = false;
  };
  const std::string upgrade = "HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n";
  const std::string accept = "Sec-WebSocket-Accept: " + wire::WebSocketAccept(kWebSocketKey) + "\r\n";
  const std::string wrong = upgrade + "Sec-WebSocket-Accept: no\r\n\r\n";
  const std::string extension = upgrade + accept + "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
  const std::string protocol = upgrade + accept + "Sec-WebSocket-Protocol: chat\r\n\r\n";
  const Row rows[] = {
      {"bad_status_line", "HTTP/1.1 OK", "HTTP/1.1 OK\r\n\r\n"},
      {"bad_version", "SSH-2.0-x\r", "SSH-2.0-x\r\n\r\n"},
      {"bare_line_feed", "A: -\n", "HTTP/1.1 200 OK\r\nA: b\n\r\n"},
      {"obsolete_fold", "-\n", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n"},
      {"bad_field_name", "B b: -", "HTTP/1.1 200 OK\r\nA: b\r\nB b: c\r\n\r\n"},
      {"bad_content_length", "Content-Length: +1", "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: +1\r\n\r\n"},
      {"bad_transfer_encoding", "Transfer-Encoding: gzip", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"},
      {"bad_chunk", "xyz ", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"},
      {"bad_chunk", "zz-odd ", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\nzz-odd\r\nok\r\n"},
      {"unasked_upgrade", "h2c", "HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"},
      {"bad_upgrade_field", "h2c", "HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", true},
      {"wrong_accept", "no", wrong, true},
      {"unoffered_extension", "permessage-deflate", extension, true},
      {"unoffered_subprotocol", "chat", protocol, true},
      {"no_upgrade", "status 200", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.cause);
    PoolFixture fixture;
    LogRecorder log;
    fixture.Start();
    RecordingEvents events;
    events.in_log = {"GET", row.websocket ? "/ws" : "/path?secret", "id-1"};
    const auto stream =
        row.websocket ? fixture.OpenOn(0, OpenWebSocket(), events) : fixture.OpenOn(0, Get("/path?secret"), events);
    fixture.backend.Send(0, row.answer);
    fixture.driver.Until([&] { return events.Told("closed upstream_protocol_error"); });
    REQUIRE_EQ(log.Count("warning the backend's answer is not valid"), 1);
    CAPTURE(log.lines.back());
    CHECK(log.Count(" cause=" + std::string(row.cause) + " seen=" + std::string(row.seen)) == 1);
    CHECK_EQ(log.Count(row.websocket ? " request=GET /ws " : " request=GET /path "), 1);
    CHECK(log.lines.back().ends_with("request_id=id-1"));
  }
}

TEST_CASE("what the log shows of a broken answer has no cookie, whatever is broken") {
  const std::string cookie = "Set-Cookie: id=s3cr3t\r\n";
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  for (const std::string& answer :
       {ok + "A: b\n" + cookie + "\r\n", ok + "Set-Cookie: id=s3cr3t\n\r\n", ok + "Set-Cookie: id=\r\n s3cr3t\r\n\r\n",
        ok + "Set-Cookie : id=s3cr3t\r\n\r\n", ok + "Set-Cookie: id=s3cr3t\x01\r\n\r\n",
        ok + "Content-Length: 1\r\n" + cookie + "Content-Length: 2\r\n\r\n", "SSH-2\r\n" + cookie + "\r\n",
        ok + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n{\"token\":\"s3cr3t\"}",
        ok + "Transfer-Encoding: chunked\r\n\r\n0\r\nSet-Cookie: s3cr3t\x01\r\n\r\n"}) {
    CAPTURE(answer);
    PoolFixture fixture;
    LogRecorder log;
    fixture.Start();
    RecordingEvents events;
    const auto stream = fixture.OpenOn(0, Get(), events);
    fixture.backend.Send(0, answer);
    fixture.driver.Until([&] { return events.Told("closed upstream_protocol_error"); });
    REQUIRE_EQ(log.Count("warning the backend's answer is not valid"), 1);
    CAPTURE(log.lines.back());
    CHECK_EQ(log.Count("s3cr3t"), 0);
  }
}

TEST_CASE("an answer that ends amid its head is a fault, too, and what is seen of it is bounded") {
  PoolFixture fixture;
  LogRecorder log;
  fixture.Start();
  RecordingEvents events;
  const auto stream = fixture.OpenOn(0, Get(), events);
  fixture.backend.Send(0, "HTTP/1.1 200 OK\r\nA: " + std::string(1000, 'x'));
  fixture.backend.Close(0);
  fixture.driver.Until([&] { return events.Told("closed upstream_truncated"); });
  CHECK_EQ(log.Count("cause=truncated_head seen=HTTP/1.1 200 OK"), 1);
  CHECK(log.lines.back().size() < 400);
}

TEST_CASE("a backend that breaks the WebSocket protocol is told, with the kind of its fault") {
  OpenTunnel tunnel;
  LogRecorder log;
  tunnel.fixture.backend.Send(0, "\x83\x01x");  // a reserved opcode
  tunnel.fixture.driver.Until([&] { return tunnel.events.Told("closed upstream_protocol_error"); });
  CHECK_EQ(log.Count("warning the backend broke the WebSocket protocol upstream=127.0.0.1:8000 cause=bad_frame"), 1);
}

}  // namespace sheaf::pool
