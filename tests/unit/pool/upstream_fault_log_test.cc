// What the log says of a backend whose answer or frames are not valid.
#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "proxy/wire/ws_handshake.h"
#include "tests/fakes/log_recorder.h"
#include "tests/unit/pool/open_tunnel.h"

namespace sheaf::pool {

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
