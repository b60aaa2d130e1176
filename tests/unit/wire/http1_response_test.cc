// Response heads: what a backend may say, what makes its answer worthless (hardening row 31), and where its body ends.
#include <string>
#include <vector>

#include "tests/unit/wire/http1_test_util.h"

namespace sheaf::wire {
namespace {

using std::string_literals::operator""s;

constexpr HeadLimits kLimits{
    .max_line = 16 * 1024, .max_head = 16 * 1024, .max_fields = 100, .allow_underscores = true};

// Cut in two reads, as an upstream link gets it.
bool Accepted(const std::string& head, size_t cut, std::string_view method, ResponseHead& response) {
  HeadScanner scanner;
  for (const std::string_view received : {std::string_view(head).substr(0, cut), std::string_view(head)}) {
    const HeadScanner::Verdict verdict = scanner.Scan(received, kLimits);
    if (verdict == HeadScanner::Verdict::kRefuse) return false;
    if (verdict == HeadScanner::Verdict::kComplete) {
      return ParseResponseHead(received.substr(0, scanner.head_size()), kLimits, method, response);
    }
  }
  FAIL("the head never became complete");
  return false;
}

// The response's views hold until the next call.
bool Parse(std::string head, ResponseHead& response, std::string_view method = "GET") {
  static std::string kept;
  kept = std::move(head);
  return Accepted(kept, 0, method, response);
}

std::string Response(std::string_view line, std::string_view fields = {}) {
  return std::string(line).append("\r\n").append(fields).append("\r\n");
}

const std::vector<std::string> kAmbiguousHeads = {
    Response("HTTP/1.1 200 OK", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
    Response("HTTP/1.1 200 OK", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
    Response("HTTP/1.1 200 OK", "Content-Length: 5\r\nContent-Length: 6\r\n"),
    Response("HTTP/1.1 200 OK", "Content-Length: 5\r\nContent-Length: 5\r\nContent-Length: 05x\r\n"),
    Response("HTTP/1.1 200 OK", "Content-Length: 5\r\nContent-Length:\r\n"),
    Response("HTTP/1.1 200 OK", "Content-Length: 5, 6\r\n"),
    Response("HTTP/1.1 200 OK", "Content-Length: 5, 5\r\nContent-Length: 6\r\n"),
    Response("HTTP/1.1 200 OK", "Content-Length: 5,\r\n"),
    Response("HTTP/1.1 200 OK", "Content-Length: ,5\r\n"),
    Response("HTTP/1.1 200 OK", "Content-Length: 5;5\r\n"),
    Response("HTTP/1.1 200 OK", "Content-Length: 5\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
    Response("HTTP/1.1 200 OK", "Content-Length: +5\r\n"),
    Response("HTTP/1.1 200 OK", "Content-Length: 9223372036854775808\r\n"),
    Response("HTTP/1.1 200 OK", "Content-Length:\r\n"),
    Response("HTTP/1.1 200 OK", "Transfer-Encoding: gzip\r\n"),
    Response("HTTP/1.1 200 OK", "Transfer-Encoding: chunked, chunked\r\n"),
    Response("HTTP/1.1 200 OK", "Transfer-Encoding: gzip, chunked\r\n"),
    Response("HTTP/1.1 200 OK", "Transfer-Encoding:\r\n"),
    Response("HTTP/1.1 200 OK", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
    Response("HTTP/1.0 200 OK", "Transfer-Encoding: chunked\r\n"),
    Response("HTTP/1.1 204 No Content", "Content-Length: x\r\n"),
    Response("HTTP/1.1 200 OK", "A: b\r\n c\r\n"),
    Response("HTTP/1.1 200 OK", "A: b\rc\r\n"),
    Response("HTTP/1.1 200 OK", "A: b\0\r\n"s),
    Response("HTTP/1.1 200 OK", "A: \x1B\r\n"),
    Response("HTTP/1.1 200 OK", "A : b\r\n"),
    Response("HTTP/1.1 200 OK", "NoColon\r\n"),
    "HTTP/1.1 200 OK\nA: b\r\n\r\n",
    "HTTP/1.1 200 OK\r\nA: b\n\r\n",
    Response("HTTP/1.2x 200 OK"),
    Response("HTTP/1.10 200 OK"),
    Response("HTTP/1. 200 OK"),
    Response("HTTP/1.a 200 OK"),
    Response("HTTP/2 200 OK"),
    Response("HTTP/0.9 200 OK"),
    Response("http/1.1 200 OK"),
    Response("HTTP/1.1 20 OK"),
    Response("HTTP/1.1 2000 OK"),
    Response("HTTP/1.1 099 OK"),
    Response("HTTP/1.1 2x0 OK"),
    Response("HTTP/1.1  200 OK"),
    Response("HTTP/1.1 -20 OK"),
    Response("HTTP/1.1 200 O\x01K"),
    Response("HTTP/1.1"),
    Response("ICY HTTP/ 200 OK"),
    Response(" HTTP/1.1 200 OK"),
};

}  // namespace

TEST_CASE("a response that could be read in two ways is not trusted, wherever its bytes are cut") {
  ResponseHead response;
  for (const std::string& head : kAmbiguousHeads) {
    CAPTURE(head);
    for (size_t cut = 0; cut <= head.size(); ++cut) REQUIRE_FALSE(Accepted(head, cut, "GET", response));
  }
}

TEST_CASE("a response head over the limit is not trusted, also before its end has come") {
  ResponseHead response;
  CHECK_FALSE(Parse(Response("HTTP/1.1 200 OK", "A: " + std::string(64 * 1024, 'b') + "\r\n"), response));
  HeadScanner scanner;
  CHECK(scanner.Scan("HTTP/1.1 200 OK\r\nA: " + std::string(16 * 1024, 'b'), kLimits) == HeadScanner::Verdict::kRefuse);
}

TEST_CASE("the parts of a response are views of its bytes") {
  ResponseHead response;
  REQUIRE(Parse(Response("HTTP/1.1 404 Not  Found", "Set-Cookie: a=b\r\nX_Under: c\r\nset-cookie: d\r\n"), response));
  CHECK_EQ(response.status, 404);
  CHECK_EQ(response.reason, "Not  Found");
  CHECK_EQ(response.minor_version, 1);
  CHECK_EQ(response.Count("Set-Cookie"), 2);
  CHECK_EQ(response.Find("set-cookie"), "a=b");
  CHECK_EQ(response.Find("x_under"), "c");
  REQUIRE(Parse(Response("HTTP/1.1 200 "), response));
  CHECK_EQ(response.reason, "");
  CHECK(response.fields.empty());
  REQUIRE(Parse(Response("HTTP/1.1 599"), response));
  CHECK_EQ(response.status, 599);
  CHECK_EQ(response.reason, "");
}

TEST_CASE("where a response's body ends depends on the method, the status and the framing, in this order") {
  struct Case {
    const char* method;
    const char* line;
    const char* fields;
    BodyKind body;
    uint64_t content_length;
    bool keep_alive;
  };
  using enum BodyKind;
  ResponseHead response;
  for (const Case& expected : std::vector<Case>{
           {"GET", "HTTP/1.1 200 OK", "Content-Length: 5\r\n", kLength, 5, true},
           {"GET", "HTTP/1.1 200 OK", "Content-Length: 0\r\n", kNone, 0, true},
           {"GET", "HTTP/1.1 200 OK", "Transfer-Encoding: chunked\r\n", kChunked, 0, true},
           {"GET", "HTTP/1.1 200 OK", "", kUntilClose, 0, false},
           {"GET", "HTTP/1.1 200 OK", "Connection: keep-alive\r\n", kUntilClose, 0, false},
           {"GET", "HTTP/1.1 200 OK", "Content-Length: 5\r\nConnection: x, Close\r\n", kLength, 5, false},
           {"GET", "HTTP/1.0 200 OK", "Content-Length: 5\r\n", kLength, 5, false},
           {"GET", "HTTP/1.0 200 OK", "Content-Length: 5\r\nConnection: keep-alive\r\n", kLength, 5, true},
           {"HEAD", "HTTP/1.1 200 OK", "Content-Length: 5\r\n", kNone, 5, true},
           {"HEAD", "HTTP/1.1 200 OK", "Transfer-Encoding: chunked\r\n", kNone, 0, true},
           {"HEAD", "HTTP/1.1 200 OK", "", kNone, 0, true},
           {"head", "HTTP/1.1 200 OK", "Content-Length: 5\r\n", kLength, 5, true},
           {"GET", "HTTP/1.1 204 No Content", "", kNone, 0, true},
           {"GET", "HTTP/1.1 204 No Content", "Content-Length: 5\r\n", kNone, 5, true},
           {"GET", "HTTP/1.1 204 No Content", "Transfer-Encoding: chunked\r\n", kNone, 0, false},
           {"GET", "HTTP/1.1 304 Not Modified", "Content-Length: 5\r\n", kNone, 5, true},
           {"GET", "HTTP/1.1 304 Not Modified", "", kNone, 0, true},
           {"GET", "HTTP/1.1 100 Continue", "", kNone, 0, true},
           {"GET", "HTTP/1.1 103 Early Hints", "Link: </a>\r\n", kNone, 0, true},
           {"GET", "HTTP/1.1 101 Switching Protocols", "Upgrade: websocket\r\n", kNone, 0, false},
           {"POST", "HTTP/1.1 205 Reset Content", "Content-Length: 0\r\n", kNone, 0, true},
       }) {
    CAPTURE(std::string(expected.line));
    CAPTURE(std::string(expected.fields));
    REQUIRE(Parse(Response(expected.line, expected.fields), response, expected.method));
    CHECK(response.body == expected.body);
    CHECK_EQ(response.content_length, expected.content_length);
    CHECK_EQ(response.keep_alive, expected.keep_alive);
  }
}

TEST_CASE("a length that a backend says several times is one length, as long as it is the same") {
  ResponseHead response;
  for (const std::string fields :
       {"Content-Length: 5\r\nContent-Length: 5\r\n", "Content-Length: 5\r\ncontent-length: 005\r\nA: b\r\n",
        "Content-Length: 5,5\r\n", "Content-Length: 5 , 5\r\nContent-Length:5\r\n"}) {
    CAPTURE(fields);
    const std::string head = Response("HTTP/1.1 200 OK", fields);
    for (size_t cut = 0; cut <= head.size(); ++cut) REQUIRE(Accepted(head, cut, "GET", response));
    CHECK(response.body == BodyKind::kLength);
    CHECK_EQ(response.content_length, 5);
    CHECK(response.keep_alive);
  }
}

TEST_CASE("a later HTTP/1 of a backend is taken for HTTP/1.1") {
  ResponseHead response;
  for (const std::string version : {"HTTP/1.2", "HTTP/1.9"}) {
    CAPTURE(version);
    const std::string head = Response(version + " 200 OK", "Transfer-Encoding: chunked\r\n");
    for (size_t cut = 0; cut <= head.size(); ++cut) REQUIRE(Accepted(head, cut, "GET", response));
    CHECK_EQ(response.minor_version, 1);
    CHECK(response.body == BodyKind::kChunked);
    CHECK(response.keep_alive);
  }
}

TEST_CASE("a ResponseHead that is used again remembers nothing of the response before") {
  ResponseHead response;
  REQUIRE(Parse(Response("HTTP/1.0 503 Busy", "Content-Length: 5\r\nA: b\r\n"), response));
  REQUIRE(Parse(Response("HTTP/1.1 204 "), response));
  CHECK_EQ(response.status, 204);
  CHECK_EQ(response.reason, "");
  CHECK_EQ(response.content_length, 0);
  CHECK(response.keep_alive);
  CHECK(response.fields.empty());
}

}  // namespace sheaf::wire
