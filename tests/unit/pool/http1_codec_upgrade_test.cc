// The opening handshake of a WebSocket towards the backend: what is taken for its answer, and what is not.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/wire/ws_handshake.h"
#include "tests/fakes/frames.h"
#include "tests/unit/pool/codec_exchange.h"

namespace sheaf::pool {
namespace {

using Lines = std::vector<std::string>;

constexpr char kKey[] = "dGhlIHNhbXBsZSBub25jZQ==";

std::shared_ptr<Upgrade> WebSocketRequest(const std::string& protocols = "") {
  return OpenWebSocket(protocols.empty() ? "" : "Sec-WebSocket-Protocol: " + protocols + "\r\n");
}

std::string Switching(const std::string& fields = "Sec-WebSocket-Accept: " + wire::WebSocketAccept(kKey) + "\r\n") {
  return "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" + fields + "\r\n";
}

}  // namespace

TEST_CASE("a valid 101 opens a tunnel, for which the frames behind it are left, however it is split") {
  const std::string frames = ServerFrame(wire::Opcode::kText, "early");
  const std::string response = Switching() + frames;
  for (size_t split = 0; split < response.size(); ++split) {
    CAPTURE(split);
    Exchange exchange(WebSocketRequest());
    CHECK(exchange.FeedSplit(response, split) == Verdict::kUpgraded);
    CHECK(exchange.host.recorder.told == Lines{"head 101"});
    CHECK(exchange.host.tunnel.open());
    CHECK_EQ(exchange.host.tunnel_limits, &kFrameLimits);
    CHECK_FALSE(exchange.stream->leased());
    CHECK_EQ(exchange.accept, wire::WebSocketAccept(kKey));
    const size_t seen = split < Switching().size() ? response.size() : split;
    CHECK_EQ(exchange.rest, response.substr(Switching().size(), seen - Switching().size()));
  }
}

TEST_CASE("early hints may come before the 101") {
  Exchange exchange(WebSocketRequest());
  CHECK(exchange.Feed("HTTP/1.1 103 Early Hints\r\n\r\n" + Switching()) == Verdict::kUpgraded);
  CHECK(exchange.host.recorder.told == Lines{"head 103", "head 101"});
}

TEST_CASE("an offered subprotocol may be chosen") {
  const std::string fields =
      "Sec-WebSocket-Accept: " + wire::WebSocketAccept(kKey) + "\r\nSec-WebSocket-Protocol: chat\r\n";
  Exchange offered(WebSocketRequest("mqtt, chat"));
  CHECK(offered.Feed(Switching(fields)) == Verdict::kUpgraded);
  Exchange unoffered(WebSocketRequest("mqtt"));
  CHECK(unoffered.Feed(Switching(fields)) == Verdict::kBroken);
}

TEST_CASE("a 101 that does not answer the handshake is broken, and the client never sees it") {
  const std::string accept = "Sec-WebSocket-Accept: " + wire::WebSocketAccept(kKey) + "\r\n";
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"no accept", Switching("")},
      {"wrong accept", Switching("Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n")},
      {"unasked subprotocol", Switching(accept + "Sec-WebSocket-Protocol: chat\r\n")},
      {"unasked extension", Switching(accept + "Sec-WebSocket-Extensions: permessage-deflate\r\n")},
      {"no Upgrade", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n" + accept + "\r\n"},
      {"no Connection", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" + accept + "\r\n"},
      {"another protocol",
       "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n" + accept + "\r\n"},
  };
  for (const auto& row : rows) {
    const std::string& what = row.first;
    const std::string& response = row.second;
    CAPTURE(what);
    Exchange exchange(WebSocketRequest());
    CHECK(exchange.Feed(response) == Verdict::kBroken);
    CHECK(exchange.host.recorder.told.empty());
    CHECK_FALSE(exchange.host.tunnel.open());
  }
}

TEST_CASE("a 101 that nobody asked for is broken") {
  Exchange exchange;
  CHECK(exchange.Feed(Switching()) == Verdict::kBroken);
  CHECK(exchange.host.recorder.told.empty());
}

TEST_CASE("a refused handshake is passed on with its body, and the connection stays clean") {
  for (const std::string status : {"301", "400", "401", "403", "404", "429", "500", "503"}) {
    CAPTURE(status);
    Exchange exchange(WebSocketRequest());
    CHECK(exchange.Feed("HTTP/1.1 " + status + " No\r\nContent-Length: 3\r\n\r\nwhy") == Verdict::kReusable);
    CHECK(exchange.host.recorder.told == Lines{"head " + status, "body why"});
  }
}

TEST_CASE("a handshake answered by a success that is no upgrade, or by 426, is broken") {
  for (const std::string status : {"200", "201", "204", "426"}) {
    CAPTURE(status);
    Exchange exchange(WebSocketRequest());
    CHECK(exchange.Feed("HTTP/1.1 " + status + " Odd\r\nContent-Length: 0\r\n\r\n") == Verdict::kBroken);
    CHECK(exchange.host.recorder.told.empty());
  }
}

}  // namespace sheaf::pool
