// What changes in a head on its way through (hardening rows 18, 20, 28-30, 40).
#include "proxy/http/forwarding.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace sheaf {
namespace {

const ClientInfo kStranger{.host = "203.0.113.9", .tls = false, .trust = Trust::kNone};
const ClientInfo kTrusted{.host = "10.0.0.7", .tls = false, .trust = Trust::kNamed};

// A request as the parser gives it; the text outlives it.
struct ParsedRequest {
  explicit ParsedRequest(std::string head) : text(std::move(head)) {
    const auto refusal = wire::ParseRequestHead(text, {}, request);
    REQUIRE_FALSE(refusal.has_value());
  }
  std::string text;
  wire::RequestHead request;
};

struct ParsedResponse {
  explicit ParsedResponse(std::string head, const std::string& method = "GET") : text(std::move(head)) {
    REQUIRE(wire::ParseResponseHead(text, {}, method, response));
  }
  std::string text;
  wire::ResponseHead response;
};

// The values of a field in a head that was built, in order.
std::vector<std::string> Values(const std::string& head, const std::string& name) {
  std::vector<std::string> values;
  for (size_t at = head.find("\r\n") + 2; at < head.size();) {
    const size_t end = head.find("\r\n", at);
    const std::string line = head.substr(at, end - at);
    const size_t colon = line.find(':');
    if (colon != std::string::npos && wire::EqualsIgnoreCase(line.substr(0, colon), name)) {
      values.push_back(line.substr(colon + 2));
    }
    at = end + 2;
  }
  return values;
}

using List = std::vector<std::string>;

const ForwardingRules kRules{Options{}};

std::string Upstream(const std::string& fields, const ClientInfo& client = kStranger,
                     const std::string& line = "GET /path?q=1 HTTP/1.1", const std::string& target = "/path?q=1") {
  const ParsedRequest parsed(line + "\r\nHost: app.example.org\r\n" + fields + "\r\n");
  std::string head = BuildUpstreamHead(parsed.request, client, kRules, target, "the-id", "fallback:8000");
  // Whatever came in, what goes out is a head that our own parser takes for the same request.
  wire::RequestHead again;
  REQUIRE_FALSE(wire::ParseRequestHead(head, {}, again).has_value());
  CHECK_EQ(again.method, parsed.request.method);
  CHECK(again.body == parsed.request.body);
  CHECK_EQ(again.content_length, parsed.request.content_length);
  return head;
}

}  // namespace

TEST_CASE("the request line has the normal form of the target, and HTTP/1.1") {
  CHECK(Upstream("", kStranger, "GET /a/../%70ath HTTP/1.1", "/path").starts_with("GET /path HTTP/1.1\r\n"));
}

TEST_CASE("the Host is kept, that of an absolute target replaces it, and a client without one gets the backend's") {
  CHECK(Values(Upstream(""), "Host") == List{"app.example.org"});

  const ParsedRequest absolute("GET http://other.example.org/x HTTP/1.1\r\nHost: app.example.org\r\n\r\n");
  CHECK(Values(BuildUpstreamHead(absolute.request, kStranger, kRules, "/x", "id", "fallback"), "Host") ==
        List{"other.example.org"});
  CHECK(Values(BuildUpstreamHead(absolute.request, kStranger, kRules, "/x", "id", "fallback"), "X-Forwarded-Host") ==
        List{"other.example.org"});

  const ParsedRequest old("GET /x HTTP/1.0\r\n\r\n");
  CHECK(Values(BuildUpstreamHead(old.request, kStranger, kRules, "/x", "id", "fallback:8000"), "Host") ==
        List{"fallback:8000"});
}

TEST_CASE("end-to-end fields pass unchanged, repeated ones in their order") {
  const std::string head =
      Upstream("Cookie: a=1\r\nX-One: first\r\nAuthorization: Bearer x\r\nX-One: second\r\nAccept: */*\r\n");
  CHECK(Values(head, "Cookie") == List{"a=1"});
  CHECK(Values(head, "Authorization") == List{"Bearer x"});
  CHECK(Values(head, "Accept") == List{"*/*"});
  CHECK(Values(head, "X-One") == List{"first", "second"});
}

TEST_CASE("hop-by-hop fields are stripped, by name and because Connection lists them") {
  const std::string head = Upstream(
      "Connection: keep-alive, X-Secret,x-other\r\nConnection: X-Third\r\nKeep-Alive: timeout=5\r\nProxy-Connection: "
      "close\r\n"
      "Proxy-Authorization: Basic x\r\nTE: trailers\r\nX-Secret: 1\r\nX-Other: 2\r\nX-Third: 3\r\nX-Kept: 4\r\n");
  for (const std::string name : {"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "TE",
                                 "X-Secret", "X-Other", "X-Third"}) {
    CAPTURE(name);
    CHECK(Values(head, name).empty());
  }
  CHECK(Values(head, "X-Kept") == List{"4"});
}

TEST_CASE("what frames or authenticates a request cannot be taken away by listing it in Connection") {
  const std::string head = Upstream(
      "Connection: Content-Length, Host, Cookie, Authorization, Content-Type\r\nContent-Length: 5\r\nCookie: a=1\r\n"
      "Authorization: Bearer x\r\nContent-Type: text/plain\r\n",
      kStranger, "POST /path HTTP/1.1");
  CHECK(Values(head, "Content-Length") == List{"5"});
  CHECK(Values(head, "Host") == List{"app.example.org"});
  CHECK(Values(head, "Cookie") == List{"a=1"});
  CHECK(Values(head, "Authorization") == List{"Bearer x"});
  CHECK(Values(head, "Content-Type") == List{"text/plain"});
}

TEST_CASE("our X-Forwarded fields are sent though the client lists them in Connection") {
  const std::string head =
      Upstream("Connection: close, X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host, X-Request-ID\r\n");
  CHECK(Values(head, "X-Forwarded-For") == List{"203.0.113.9"});
  CHECK(Values(head, "X-Forwarded-Proto") == List{"http"});
  CHECK(Values(head, "X-Forwarded-Host") == List{"app.example.org"});
  CHECK(Values(head, "X-Request-ID") == List{"the-id"});
}

TEST_CASE("a body is framed once, as it will be sent") {
  const std::string length = Upstream("Content-Length: 5\r\n", kStranger, "POST /path HTTP/1.1");
  CHECK(Values(length, "Content-Length") == List{"5"});
  CHECK(Values(length, "Transfer-Encoding").empty());
  const std::string chunked = Upstream("Transfer-Encoding: chunked\r\n", kStranger, "POST /path HTTP/1.1");
  CHECK(Values(chunked, "Transfer-Encoding") == List{"chunked"});
  CHECK(Values(chunked, "Content-Length").empty());
  const std::string none = Upstream("");
  CHECK(Values(none, "Transfer-Encoding").empty());
}

TEST_CASE("an upgrade to anything but a WebSocket becomes an ordinary request") {
  for (const std::string protocol : {"h2c", "foo", "TLS/1.0"}) {
    CAPTURE(protocol);
    const std::string head = Upstream("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: " + protocol +
                                      "\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n");
    CHECK(Values(head, "Upgrade").empty());
    CHECK(Values(head, "Connection").empty());
    CHECK(Values(head, "HTTP2-Settings").empty());
  }
}

TEST_CASE("a WebSocket handshake keeps its key and subprotocols, and loses its extensions and what asks for it") {
  const ParsedRequest parsed(
      "GET /path HTTP/1.1\r\nHost: app.example.org\r\nConnection: keep-alive, Upgrade\r\nUpgrade: "
      "WebSocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"
      "Sheaf-Batch: json\r\nOrigin: https://example.org\r\nCookie: a=1\r\n\r\n");
  const wire::FieldLines fields = BuildUpgradeFields(parsed.request, kStranger, kRules, "the-id", "fallback:8000");
  const std::string head = "GET /path HTTP/1.1\r\n" + fields.text() + "\r\n";
  CHECK(Values(head, "Connection").empty());
  CHECK(Values(head, "Upgrade").empty());
  CHECK(Values(head, "Sheaf-Batch").empty());
  CHECK(Values(head, "Host") == List{"app.example.org"});
  CHECK(Values(head, "X-Forwarded-For") == List{"203.0.113.9"});
  CHECK(Values(head, "X-Request-ID") == List{"the-id"});
  CHECK(Values(head, "Sec-WebSocket-Key") == List{"dGhlIHNhbXBsZSBub25jZQ=="});
  CHECK(Values(head, "Sec-WebSocket-Version") == List{"13"});
  CHECK(Values(head, "Sec-WebSocket-Protocol") == List{"chat"});
  CHECK(Values(head, "Sec-WebSocket-Extensions").empty());
  CHECK(Values(head, "Origin") == List{"https://example.org"});
  CHECK(Values(head, "Cookie") == List{"a=1"});
}

TEST_CASE("a new request id is 32 hexadecimal digits, and no two are the same") {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = NewRequestId();
    CHECK_EQ(id.size(), 32);
    CHECK(id.find_first_not_of("0123456789abcdef") == std::string::npos);
    ids.insert(id);
  }
  CHECK_EQ(ids.size(), 1000);
}

TEST_CASE("a request id is taken over from a trusted sender only, and only a plain one") {
  const auto id = [](const std::string& sent, const ClientInfo& client) {
    const ParsedRequest parsed("GET / HTTP/1.1\r\nHost: x\r\nX-Request-ID: " + sent + "\r\n\r\n");
    return RequestIdFor(parsed.request, client);
  };
  CHECK_EQ(id("abc-123_x.Y", kTrusted), "abc-123_x.Y");
  CHECK_EQ(id(std::string(128, 'a'), kTrusted), std::string(128, 'a'));
  for (const std::string& sent : {std::string(129, 'a'), std::string(), std::string("a b"), std::string("a\"b"),
                                  std::string("a<b>"), std::string("a;b"), std::string("\xC3\xA4")}) {
    CAPTURE(sent);
    CHECK_EQ(id(sent, kTrusted).size(), 32);
    CHECK(id(sent, kTrusted) != sent);
  }
  CHECK(id("abc", kStranger) != "abc");
}

TEST_CASE("a body of unknown length goes to HTTP/1.1 in chunks and to HTTP/1.0 until the end") {
  struct Row {
    std::string fields;
    std::string method;
    int minor_version;
    Framing framing;
  };
  const Row rows[] = {
      {"Content-Length: 5\r\n", "GET", 1, Framing::kAsIs},
      {"Content-Length: 5\r\n", "GET", 0, Framing::kAsIs},
      {"Content-Length: 0\r\n", "GET", 1, Framing::kAsIs},
      {"Transfer-Encoding: chunked\r\n", "GET", 1, Framing::kChunked},
      {"Transfer-Encoding: chunked\r\n", "GET", 0, Framing::kUntilClose},
      {"", "GET", 1, Framing::kChunked},
      {"", "GET", 0, Framing::kUntilClose},
      {"Transfer-Encoding: chunked\r\n", "HEAD", 1, Framing::kAsIs},
      {"", "HEAD", 0, Framing::kAsIs},
  };
  for (const Row& row : rows) {
    CAPTURE(row.fields);
    CAPTURE(row.method);
    CAPTURE(row.minor_version);
    const ParsedResponse parsed("HTTP/1.1 200 OK\r\n" + row.fields + "\r\n", row.method);
    CHECK(FramingFor(parsed.response, row.minor_version, row.method == "HEAD") == row.framing);
  }
  const ParsedResponse no_content("HTTP/1.1 204 No Content\r\n\r\n");
  CHECK(FramingFor(no_content.response, 1, false) == Framing::kAsIs);
}

TEST_CASE("a response goes down with its end-to-end fields, and without what was between us and the backend") {
  const ParsedResponse parsed(
      "HTTP/1.1 201 Made Up\r\nConnection: keep-alive, X-Inner\r\nKeep-Alive: timeout=5\r\nX-Inner: 1\r\nSet-Cookie: "
      "a=1\r\n"
      "Set-Cookie: b=2\r\nProxy-Authenticate: Basic\r\nTransfer-Encoding: chunked\r\nContent-Type: "
      "text/plain\r\nTrailer: X\r\n\r\n");
  const std::string head = BuildDownstreamHead(parsed.response, Framing::kChunked, false, 1, "id1");
  CHECK(head.starts_with("HTTP/1.1 201 Made Up\r\n"));
  CHECK(head.ends_with("\r\n\r\n"));
  CHECK(Values(head, "Set-Cookie") == List{"a=1", "b=2"});
  CHECK(Values(head, "Content-Type") == List{"text/plain"});
  CHECK(Values(head, "Transfer-Encoding") == List{"chunked"});
  for (const std::string name : {"Connection", "Keep-Alive", "X-Inner", "Proxy-Authenticate", "Trailer"}) {
    CAPTURE(name);
    CHECK(Values(head, name).empty());
  }
}

TEST_CASE("the client is told whether its connection stays, where it would assume otherwise") {
  const ParsedResponse parsed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  const auto connection = [&](bool close, int minor_version) {
    return Values(BuildDownstreamHead(parsed.response, Framing::kAsIs, close, minor_version, "id1"), "Connection");
  };
  CHECK(connection(false, 1).empty());
  CHECK(connection(true, 1) == List{"close"});
  CHECK(connection(false, 0) == List{"keep-alive"});
  CHECK(connection(true, 0) == List{"close"});
  const ParsedResponse interim("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
  const std::string head = BuildDownstreamHead(interim.response, Framing::kAsIs, true, 1, "id1");
  CHECK(Values(head, "Connection").empty());
  CHECK(Values(head, "Link") == List{"</a>"});
}

TEST_CASE("a response's Content-Length is kept where its body goes as it is") {
  const ParsedResponse parsed("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: Content-Length\r\n\r\n");
  CHECK(Values(BuildDownstreamHead(parsed.response, Framing::kAsIs, false, 1, "id1"), "Content-Length") == List{"5"});
}

TEST_CASE("a length that the backend says twice goes down once") {
  for (const std::string fields : {"Content-Length: 5\r\nContent-Length: 5\r\n", "Content-Length: 5, 5\r\n"}) {
    const ParsedResponse parsed("HTTP/1.1 200 OK\r\n" + fields + "\r\n");
    const std::string head = BuildDownstreamHead(parsed.response, Framing::kAsIs, false, 1, "id1");
    CHECK(Values(head, "Content-Length") == List{"5"});
  }
}

TEST_CASE("the client gets the request's id, unless the backend has set one or the response is an interim one") {
  const auto ids = [](const std::string& response) {
    const ParsedResponse parsed(response);
    return Values(BuildDownstreamHead(parsed.response, Framing::kAsIs, false, 1, "id1"), "X-Request-ID");
  };
  CHECK(ids("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") == List{"id1"});
  CHECK(ids("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n") == List{"id1"});
  CHECK(ids("HTTP/1.1 304 Not Modified\r\n\r\n") == List{"id1"});
  CHECK(ids("HTTP/1.1 200 OK\r\nx-request-id: own\r\nContent-Length: 0\r\n\r\n") == List{"own"});
  CHECK(ids("HTTP/1.1 103 Early Hints\r\n\r\n").empty());

  const std::string switching =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: abc\r\n";
  const ParsedResponse without(switching + "\r\n");
  CHECK(Values(BuildSwitchingProtocols(without.response, {}, "id1"), "X-Request-ID") == List{"id1"});
  const ParsedResponse with(switching + "X-Request-ID: own\r\n\r\n");
  CHECK(Values(BuildSwitchingProtocols(with.response, {}, "id1"), "X-Request-ID") == List{"own"});
}

TEST_CASE("the 101 that opens a WebSocket has one upgrade and what the backend chose") {
  const ParsedResponse parsed(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: abc\r\n"
      "Sec-WebSocket-Protocol: chat\r\nSet-Cookie: a=1\r\n\r\n");
  const std::string head = BuildSwitchingProtocols(parsed.response, {}, "id1");
  CHECK(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
  CHECK(head.ends_with("\r\n\r\n"));
  CHECK(Values(head, "Upgrade") == List{"websocket"});
  CHECK(Values(head, "Connection") == List{"Upgrade"});
  CHECK(Values(head, "Sec-WebSocket-Accept") == List{"abc"});
  CHECK(Values(head, "Sec-WebSocket-Protocol") == List{"chat"});
  CHECK(Values(head, "Set-Cookie") == List{"a=1"});
  CHECK(Values(head, "Sheaf-Batch").empty());
  CHECK(Values(head, "Sec-WebSocket-Extensions").empty());
}

TEST_CASE("the field in which the backend names the user stays in the proxy") {
  const ParsedResponse parsed(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: abc\r\n"
      "x-user-id: alice\r\nX-Other: kept\r\n\r\n");
  const std::string head = BuildSwitchingProtocols(parsed.response, {}, "id1", "X-User-ID");
  CHECK(Values(head, "X-User-ID").empty());
  CHECK(Values(head, "X-Other") == List{"kept"});
  CHECK(Values(BuildSwitchingProtocols(parsed.response, {}, "id1"), "X-User-ID") == List{"alice"});
}

TEST_CASE("the 101 confirms what was negotiated, and only that") {
  const ParsedResponse parsed(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: abc\r\n"
      "Sheaf-Batch: binary\r\n\r\n");
  CHECK(Values(BuildSwitchingProtocols(parsed.response, {}, "id1"), "Sheaf-Batch").empty());
  Negotiated negotiated{.envelope = Envelope::kSocketIoEvent, .deflate = wire::DeflateAgreement{}, .socket_io = false};
  negotiated.deflate->extension = "permessage-deflate; server_no_context_takeover";
  const std::string head = BuildSwitchingProtocols(parsed.response, negotiated, "id1");
  CHECK(Values(head, "Sheaf-Batch") == List{"socketio-event"});
  CHECK(Values(head, "Sec-WebSocket-Extensions") == List{"permessage-deflate; server_no_context_takeover"});
}

}  // namespace sheaf
