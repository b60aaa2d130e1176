// The opening handshake, both sides (hardening rows 36-42).
#include "proxy/wire/ws_handshake.h"

#include <string>
#include <vector>

#include "tests/unit/wire/http1_test_util.h"

namespace sheaf::wire {
namespace {

constexpr std::string_view kKey = "dGhlIHNhbXBsZSBub25jZQ==";
constexpr std::string_view kAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

struct Handshake {
  std::string line = "GET /chat HTTP/1.1";
  std::string upgrade = "Upgrade: websocket\r\n";
  std::string connection = "Connection: Upgrade\r\n";
  std::string key = "Sec-WebSocket-Key: " + std::string(kKey) + "\r\n";
  std::string version = "Sec-WebSocket-Version: 13\r\n";
  std::string more = {};
};

// What becomes of a handshake: nullopt when it is valid.
std::optional<RefuseReason> Check(const Handshake& handshake) {
  RequestHead request;
  const std::string head = Request(
      handshake.line, handshake.upgrade + handshake.connection + handshake.key + handshake.version + handshake.more);
  for (size_t cut = 1; cut < head.size(); ++cut) {
    REQUIRE_EQ(ParseInTwoReads(head, cut, {}, request), std::optional<RefuseReason>());
    REQUIRE(request.wants_websocket);
  }
  return CheckUpgradeRequest(request);
}

std::string CheckResponse(const std::string& head, std::string_view offered = {}) {
  static ResponseHead response;
  REQUIRE(ParseResponseHead(head, {}, "GET", response));
  return std::string(CheckUpgradeResponse(response, kAccept, offered).cause);
}

struct Answer {
  std::string line = "HTTP/1.1 101 Switching Protocols\r\n";
  std::string upgrade = "Upgrade: websocket\r\n";
  std::string connection = "Connection: Upgrade\r\n";
  std::string accept = "Sec-WebSocket-Accept: " + std::string(kAccept) + "\r\n";
  std::string more = {};

  std::string head() const { return line + upgrade + connection + accept + more + "\r\n"; }
};

}  // namespace

TEST_CASE("the answer to a key is the one of RFC 6455 1.3") {
  CHECK_EQ(WebSocketAccept(kKey), kAccept);
  CHECK_EQ(WebSocketAccept("x3JJHMbDL1EzLkh9GBhXDw=="), "HSmrc0sMlYUkAGmm5OPpG2HaGWk=");
}

TEST_CASE("a handshake is valid in every usual spelling") {
  const std::optional<RefuseReason> valid;
  CHECK_EQ(Check({}), valid);
  CHECK_EQ(Check({.upgrade = "upgrade: WebSocket\r\n", .connection = "connection: keep-alive, UPGRADE\r\n"}), valid);
  CHECK_EQ(Check({.upgrade = "Upgrade: h2c, websocket\r\n"}), valid);
  CHECK_EQ(Check({.connection = "Connection: keep-alive\r\nConnection: upgrade\r\n"}), valid);
  CHECK_EQ(Check({.more = "Content-Length: 0\r\n"}), valid);
  CHECK_EQ(Check({.more = "Sec-WebSocket-Protocol: a, b\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"}), valid);
  CHECK_EQ(Check({.key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAA+==\r\n"}), valid);
}

TEST_CASE("a handshake of a front proxy that says HTTP/1.0 is valid where everything else is") {
  CHECK_EQ(Check({.line = "GET /chat HTTP/1.0"}), std::optional<RefuseReason>());
  CHECK_EQ(Check({.line = "GET /chat HTTP/1.0", .connection = "Connection: close\r\n"}), RefuseReason::kBadUpgrade);
  CHECK_EQ(Check({.line = "POST /chat HTTP/1.0"}), RefuseReason::kBadUpgrade);
  CHECK_EQ(Check({.line = "GET /chat HTTP/1.0", .key = ""}), RefuseReason::kBadUpgrade);
  CHECK_EQ(Check({.line = "GET /chat HTTP/1.0", .version = "Sec-WebSocket-Version: 8\r\n"}),
           RefuseReason::kBadWebSocketVersion);
  CHECK_EQ(Check({.line = "GET /chat HTTP/1.0", .more = "Content-Length: 5\r\n"}), RefuseReason::kUpgradeWithBody);
}

TEST_CASE("a handshake with a bad key, method or Connection is refused") {
  const auto refused = RefuseReason::kBadUpgrade;
  CHECK_EQ(Check({.line = "POST /chat HTTP/1.1"}), refused);
  CHECK_EQ(Check({.line = "HEAD /chat HTTP/1.1"}), refused);
  CHECK_EQ(Check({.connection = ""}), refused);
  CHECK_EQ(Check({.connection = "Connection: keep-alive\r\n"}), refused);
  CHECK_EQ(Check({.connection = "Connection: upgrades\r\n"}), refused);
  CHECK_EQ(Check({.key = ""}), refused);
  CHECK_EQ(Check({.key = Handshake().key + Handshake().key}), refused);
  for (const std::string key : {"", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ",
                                "dGhlIHNhbXBsZSBub25jZQA=", "dGhlIHNhbXBsZSBub25jZQAA==", "dGhlIHNhbXBsZSBub25j!Q==",
                                "dGhlIHNhbXBsZSBub25jZ-==", "dGhlIHNhbXBsZSB ub25jZQ==", "========================"}) {
    CAPTURE(key);
    CHECK_EQ(Check({.key = "Sec-WebSocket-Key: " + key + "\r\n"}), refused);
  }
}

TEST_CASE("a handshake of another version is told which one is spoken") {
  for (const std::string version :
       {"", "Sec-WebSocket-Version: 8\r\n", "Sec-WebSocket-Version: 14\r\n", "Sec-WebSocket-Version: 13, 8\r\n",
        "Sec-WebSocket-Version: 013\r\n", "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 13\r\n"}) {
    CAPTURE(version);
    CHECK_EQ(Check({.version = version}), RefuseReason::kBadWebSocketVersion);
  }
}

TEST_CASE("a handshake of another version needs no key of this one to be told") {
  CHECK_EQ(Check({.key = "", .version = "Sec-WebSocket-Version: 11\r\n"}), RefuseReason::kBadWebSocketVersion);
  CHECK_EQ(Check({.key = "", .version = ""}), RefuseReason::kBadUpgrade);
}

TEST_CASE("a handshake with a body is refused") {
  CHECK_EQ(Check({.more = "Content-Length: 5\r\n"}), RefuseReason::kUpgradeWithBody);
  CHECK_EQ(Check({.more = "Transfer-Encoding: chunked\r\n"}), RefuseReason::kUpgradeWithBody);
}

TEST_CASE("the backend's 101 is valid in every usual spelling") {
  CHECK_EQ(CheckResponse(Answer().head()), "");
  CHECK_EQ(
      CheckResponse(Answer{.upgrade = "upgrade: WebSocket\r\n", .connection = "connection: x, upgrade\r\n"}.head()),
      "");
  CHECK_EQ(CheckResponse(Answer().head(), "a, b"), "");
  CHECK_EQ(CheckResponse(Answer{.more = "Sec-WebSocket-Protocol: b\r\n"}.head(), "a, b"), "");
  CHECK_EQ(CheckResponse(Answer{.more = "Set-Cookie: c=d\r\n"}.head()), "");
}

TEST_CASE("a backend's answer that is no 101 to this key opens no tunnel") {
  for (const Answer& answer : std::vector<Answer>{
           {.line = "HTTP/1.1 200 OK\r\n"},
           {.line = "HTTP/1.1 426 Upgrade Required\r\n"},
           {.line = "HTTP/1.0 101 Switching Protocols\r\n"},
           {.upgrade = ""},
           {.upgrade = "Upgrade: h2c\r\n"},
           {.upgrade = "Upgrade: websocket\r\nUpgrade: h2c\r\n"},
           {.connection = ""},
           {.connection = "Connection: close\r\n"},
           {.accept = ""},
           {.accept = "Sec-WebSocket-Accept: \r\n"},
           {.accept = "Sec-WebSocket-Accept: S3PPLMBITXAQ9KYGZZHZRBK+XOO=\r\n"},
           {.accept = "Sec-WebSocket-Accept: HSmrc0sMlYUkAGmm5OPpG2HaGWk=\r\n"},
           {.accept = Answer().accept + Answer().accept},
       }) {
    CAPTURE(answer.head());
    CHECK_NE(CheckResponse(answer.head()), "");
  }
}

TEST_CASE("a backend that chooses what was not offered opens no tunnel") {
  struct Choice {
    std::string answer;
    std::string offered;
  };
  for (const Choice& choice : std::vector<Choice>{
           {"Sec-WebSocket-Extensions: permessage-deflate\r\n", ""},
           {"Sec-WebSocket-Protocol: a\r\n", ""},
           {"Sec-WebSocket-Protocol: c\r\n", "a, b"},
           {"Sec-WebSocket-Protocol: A\r\n", "a, b"},
           {"Sec-WebSocket-Protocol: a, b\r\n", "a, b"},
           {"Sec-WebSocket-Protocol:\r\n", "a, b"},
           {"Sec-WebSocket-Protocol:\r\n", "a,, b"},
           {"Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b\r\n", "a, b"},
       }) {
    CAPTURE(choice.answer);
    CHECK_NE(CheckResponse(Answer{.more = choice.answer}.head(), choice.offered), "");
  }
}

TEST_CASE("origins are allowed by name, by domain, or all of them") {
  using List = std::vector<std::string>;
  CHECK(OriginAllowed("https://evil.example", {}));
  CHECK(OriginAllowed(std::nullopt, List{"https://a.example"}));
  CHECK(OriginAllowed("null", List{"*"}));
  CHECK(OriginAllowed("https://a.example", List{"https://b.example", "https://a.example"}));
  CHECK(OriginAllowed("HTTPS://A.example", List{"https://a.example"}));
  CHECK(OriginAllowed("https://a.example.org", List{"https://*.example.org"}));
  CHECK(OriginAllowed("https://a.b.example.org", List{"https://*.example.org"}));
  CHECK(OriginAllowed("https://a.example.org:8443", List{"https://*.example.org:8443"}));
  for (const std::string origin :
       {"null", "", "http://a.example.org", "https://example.org", "https://.example.org", "https://evilexample.org",
        "https://a.example.org.evil.net", "https://a.example.org:8443", "https://evil.net/.example.org",
        "https://evil.net:1.example.org", "https://evil.net#.example.org", "https://u@evil.example.org",
        "a.example.org"}) {
    CAPTURE(origin);
    CHECK_FALSE(OriginAllowed(origin, List{"https://*.example.org"}));
  }
}

}  // namespace sheaf::wire
