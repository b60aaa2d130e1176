// Request heads: every row of the hardening list that a head alone can break, each also cut at every byte.
#include <algorithm>
#include <string>
#include <vector>

#include "proxy/wire/http1_syntax.h"
#include "tests/unit/wire/http1_test_util.h"

namespace sheaf::wire {
namespace {

using std::string_literals::operator""s;

struct Vector {
  int row;  // of the hardening list
  std::string head;
  std::optional<RefuseReason> expected;
};

const std::optional<RefuseReason> kAccepted;
constexpr std::string_view kGet = "GET / HTTP/1.1";
constexpr std::string_view kPost = "POST / HTTP/1.1";

std::vector<Vector> FramingVectors() {
  using enum RefuseReason;
  std::vector<Vector> vectors = {
      {1, Request(kPost, "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), kLengthAndEncoding},
      {1, Request(kPost, "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), kLengthAndEncoding},
      {1, Request(kPost, "content-length: 0\r\nTRANSFER-ENCODING: chunked\r\n"), kLengthAndEncoding},
      {2, Request(kPost, "Content-Length: 5\r\nContent-Length: 6\r\n"), kBadContentLength},
      {2, Request(kPost, "Content-Length: 5\r\nContent-Length: 5\r\n"), kBadContentLength},
      {2, Request(kPost, "Content-Length: 5,6\r\n"), kBadContentLength},
      {2, Request(kPost, "Content-Length: 5, 5\r\n"), kBadContentLength},
      {4, Request(kPost, "Content-Length: 9223372036854775808\r\n"), kBadContentLength},
      {4, Request(kPost, "Content-Length: 18446744073709551616\r\n"), kBadContentLength},
      {4, Request(kPost, "Content-Length: 99999999999999999999999\r\n"), kBadContentLength},
      {4, Request(kPost, "Content-Length: 9223372036854775807\r\n"), kAccepted},
      {6, Request(kPost, "Transfer-Encoding: chunked\v\r\n"), kBadFieldValue},
      {6, Request(kPost, "Transfer-Encoding: \fchunked\r\n"), kBadFieldValue},
      {6, Request(kPost, "Transfer-Encoding: chunked\0\r\n"s), kBadFieldValue},
      {6, Request(kPost, "Transfer-Encoding: chunked\xA0\r\n"), kBadTransferEncoding},
      {6, Request(kPost, "Transfer-Encoding:\r\n chunked\r\n"), kObsoleteFold},
      {6, Request(kPost, "Transfer-Encoding: chunked\r\n\tgzip\r\n"), kObsoleteFold},
      {6, Request(kPost, "Transfer-Encoding\v: chunked\r\n"), kBadFieldName},
      {7, "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", kEncodingOnHttp10},
      {5, Request(kPost, "Transfer-Encoding: chunked\r\n"), kAccepted},
      {5, Request(kPost, "Transfer-Encoding:\t CHUNKED\t \r\n"), kAccepted},
      {5, Request(kPost, "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), kBadTransferEncoding},
      {5, Request(kPost, "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"), kBadTransferEncoding},
  };
  for (const char* value :
       {"+5", "-0", "-5", "0x5", "5_0", "1 0", "", " ", "5;", "\"5\"", "5.0", "\xB2", "five", "5,"}) {
    vectors.push_back({3, Request(kPost, "Content-Length: "s + value + "\r\n"), kBadContentLength});
  }
  for (const char* value :
       {"chunked,chunked", "chunked,gzip", "gzip,chunked", "gzip, chunked", "xchunked", "chunkedx", "identity", "",
        ",chunked", "chunked,", "chunked;x", "chunked ;q=1", "\"chunked\"", "chunked chunked", "chu nked", "deflate"}) {
    vectors.push_back({5, Request(kPost, "Transfer-Encoding: "s + value + "\r\n"), kBadTransferEncoding});
  }
  return vectors;
}

std::vector<Vector> LineAndFieldVectors() {
  using enum RefuseReason;
  return {
      {12, "GET / HTTP/1.1\nHost: a\r\n\r\n", kBareLineFeed},
      {12, "GET / HTTP/1.1\r\nHost: a\n\r\n", kBareLineFeed},
      {12, "GET / HTTP/1.1\r\nHost: a\r\n\n", kBareLineFeed},
      {12, "GET / HTTP/1.1\nHost: a\n\n", kBareLineFeed},
      {13, Request(kGet, "A: b\rc\r\n"), kBadFieldValue},
      {13, Request(kGet, "A: \r\r\n"), kBadFieldValue},
      {13, Request(kGet, "A: b\rSmuggled: yes\r\n"), kBadFieldValue},
      {13, Request(kGet, "A: b\0c\r\n"s), kBadFieldValue},
      {13, Request(kGet, "A: \x01\r\n"), kBadFieldValue},
      {13, Request(kGet, "A: \x1B[31m\r\n"), kBadFieldValue},
      {13, Request(kGet, "A: \x7F\r\n"), kBadFieldValue},
      {13, Request(kGet, "A: caf\xC3\xA9\r\n"), kAccepted},
      {13, Request(kGet, "A: a\tb\r\n"), kAccepted},
      {14, Request(kGet, "A: b\r\n c\r\n"), kObsoleteFold},
      {14, Request(kGet, "A: b\r\n\tc\r\n"), kObsoleteFold},
      {14, "GET / HTTP/1.1\r\n Host: a\r\n\r\n", kObsoleteFold},
      {14, "GET / HTTP/1.1\r\nHost: a\r\n \r\n\r\n", kObsoleteFold},
      {15, Request(kGet, "A : b\r\n"), kBadFieldName},
      {15, Request(kGet, "A\t: b\r\n"), kBadFieldName},
      {15, Request(kGet, "Content-Length : 5\r\n"), kBadFieldName},
      {15, Request(kGet, "Transfer-Encoding : chunked\r\n"), kBadFieldName},
      {15, Request(kGet, "NoColon\r\n"), kBadFieldName},
      {15, Request(kGet, ": b\r\n"), kBadFieldName},
      {15, Request(kGet, "A(: b\r\n"), kBadFieldName},
      {15, Request(kGet, "A\xC3\xA9: b\r\n"), kBadFieldName},
      {15, Request(kGet, "\x01: b\r\n"), kBadFieldName},
      {15, Request(kGet, "\"A\": b\r\n"), kBadFieldName},
      {15, Request(kGet, "Empty:\r\nAlso-Empty: \t \r\n"), kAccepted},
      {16, Request(kGet, "X_Forwarded_For: 10.0.0.1\r\n"), kUnderscore},
      {16, Request(kGet, "Content_Length: 5\r\n"), kUnderscore},
      {17, "GET / HTTP/1.1\r\n\r\n", kBadHost},
      {17, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", kBadHost},
      {17, "GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n", kBadHost},
      {17, "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", kBadHost},
      {17, "GET / HTTP/1.0\r\n\r\n", kAccepted},
  };
}

std::vector<Vector> RequestLineVectors() {
  using enum RefuseReason;
  return {
      {19, Request("GET /a#b HTTP/1.1"), kBadTarget},
      {19, Request("GET /a b HTTP/1.1"), kBadTarget},
      {19, Request("GET  / HTTP/1.1"), kBadTarget},
      {19, Request("GET /  HTTP/1.1"), kBadTarget},
      {19, Request("GET / HTTP/1.1 "), kBadVersion},
      {19, Request("GET\t/ HTTP/1.1"), kBadRequestLine},
      {19, Request("GET /\t HTTP/1.1"), kBadTarget},
      {19, Request("GET /caf\xC3\xA9 HTTP/1.1"), kBadTarget},
      {19, Request("GET /\x7F HTTP/1.1"), kBadTarget},
      {19, Request("GET /\x01 HTTP/1.1"), kBadTarget},
      {19, Request("GET /\0 HTTP/1.1"s), kBadRequestLine},
      {19, Request("GET /a\rb HTTP/1.1"), kBadRequestLine},
      {19, Request(" GET / HTTP/1.1"), kBadRequestLine},
      {19, Request("GET a HTTP/1.1"), kBadTarget},
      {19, Request("GET a.example:80 HTTP/1.1"), kBadTarget},
      {19, Request("GET ftp://a/ HTTP/1.1"), kBadTarget},
      {19, Request("GET http:///a HTTP/1.1"), kBadTarget},
      {19, Request("GET http://u:p@a/ HTTP/1.1"), kBadTarget},
      {19, Request("GET http://a?b HTTP/1.1"), kBadTarget},
      {19, Request("GET /a|b?c={\"d\":[1]}&e=^`<>\\ HTTP/1.1"), kAccepted},
      {21, Request("GET * HTTP/1.1"), kBadTarget},
      {21, Request("OPTIONS * HTTP/1.1"), kAccepted},
      {21, Request("CONNECT a.example:443 HTTP/1.1"), kMethodNotAllowed},
      {21, Request("TRACE / HTTP/1.1"), kMethodNotAllowed},
      {21, Request("G@T / HTTP/1.1"), kBadRequestLine},
      {21, Request("QUERY / HTTP/1.1"), kAccepted},
      {21, Request("M-SEARCH / HTTP/1.1"), kAccepted},
      {21, Request("SOURCE / HTTP/1.1"), kAccepted},
      {21, Request("get / HTTP/1.1"), kAccepted},
      {23, "GET /\r\n\r\n", kBadVersion},
      {23, Request("GET / HTTP/1.32"), kBadVersion},
      {23, Request("GET / HTTP/1.2"), kBadVersion},
      {23, Request("GET / HTTP/0.9"), kBadVersion},
      {23, Request("GET / HTTP/2.0"), kBadVersion},
      {23, Request("GET / HTTP/01.1"), kBadVersion},
      {23, Request("GET / HTTP/1.1x"), kBadVersion},
      {23, Request("GET / http/1.1"), kBadVersion},
      {23, Request("GET / XTTP/1.1"), kBadVersion},
      {23, Request("GET / RTSP/1.0"), kBadVersion},
      {23, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", kHttp2Preface},
      {26, Request(kPost, "Expect: 200-ok\r\nContent-Length: 1\r\n"), kBadExpect},
      {26, Request(kPost, "Expect: 100-continue, x\r\nContent-Length: 1\r\n"), kBadExpect},
      {26, Request(kPost, "Expect:\r\nContent-Length: 1\r\n"), kBadExpect},
      {26, Request(kPost, "Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 1\r\n"), kBadExpect},
      {26, Request(kPost, "Expect: 100-Continue\r\nContent-Length: 1\r\n"), kAccepted},
  };
}

void CheckAtEveryCut(const std::vector<Vector>& vectors) {
  RequestHead request;
  for (const Vector& vector : vectors) {
    CAPTURE(vector.row);
    CAPTURE(vector.head);
    for (size_t cut = 0; cut <= vector.head.size(); ++cut) {
      CAPTURE(cut);
      REQUIRE_EQ(ParseInTwoReads(vector.head, cut, {}, request), vector.expected);
    }
  }
}

std::string FieldsOf(const RequestHead& request) {
  std::string text;
  for (const Field& field : request.fields) text.append(field.name).append("=").append(field.value).append(";");
  return text;
}

}  // namespace

TEST_CASE("a request whose framing could be read in two ways is refused, wherever its bytes are cut") {
  CheckAtEveryCut(FramingVectors());
}

TEST_CASE("a malformed line or field is refused, wherever its bytes are cut") {
  CheckAtEveryCut(LineAndFieldVectors());
}

TEST_CASE("a malformed request line is refused, wherever its bytes are cut") {
  CheckAtEveryCut(RequestLineVectors());
}

TEST_CASE("a request is refused with the reason that its first wrong byte gives, before the head is complete") {
  HeadScanner scanner;
  CHECK(scanner.Scan("GET / HTTP/1.1\r\nA: b\r\n c", {}) == HeadScanner::Verdict::kRefuse);
  CHECK_EQ(scanner.reason(), RefuseReason::kObsoleteFold);
  scanner.Reset();
  CHECK(scanner.Scan("GET /\r\n", {}) == HeadScanner::Verdict::kRefuse);
  CHECK_EQ(scanner.reason(), RefuseReason::kBadVersion);
  scanner.Reset();
  CHECK(scanner.Scan("\x16\x03\x01\x02\x00\x01"s, {}) == HeadScanner::Verdict::kRefuse);
  CHECK_EQ(scanner.reason(), RefuseReason::kBadRequestLine);
}

TEST_CASE("the parts of a request are views of its bytes, values without white space around them") {
  const std::string head = "PUT /a/b?c=%20d HTTP/1.1\r\nHost: a.example:8080\r\nA:  b \t\r\nEmpty:\r\na: c\r\n\r\n";
  RequestHead request;
  REQUIRE_EQ(ParseRequestHead(head, {}, request), kAccepted);
  CHECK_EQ(request.method, "PUT");
  CHECK_EQ(request.target, "/a/b?c=%20d");
  CHECK_EQ(request.host, "a.example:8080");
  CHECK_EQ(FieldsOf(request), "Host=a.example:8080;A=b;Empty=;a=c;");
  CHECK_EQ(request.Count("A"), 2);
  CHECK_EQ(request.Find("a"), "b");
  CHECK_EQ(request.Find("B"), std::nullopt);
  for (const Field& field : request.fields) {
    CHECK(field.name.data() > head.data());
    CHECK(field.name.data() < head.data() + head.size());
  }
}

TEST_CASE("the head ends at its empty line, and what follows is left alone") {
  const std::string head = Request(kGet);
  const std::string bytes = head + "GET /next HTTP/1.1\r\n";
  HeadScanner scanner;
  REQUIRE(scanner.Scan(bytes, {}) == HeadScanner::Verdict::kComplete);
  CHECK_EQ(scanner.head_size(), head.size());
  RequestHead request;
  CHECK_EQ(ParseRequestHead(bytes, {}, request), RefuseReason::kBadRequestLine);
}

TEST_CASE("empty lines in front of a request can be skipped, however many come at once, and only whole ones") {
  CHECK_EQ(SkippableEmptyLines("\r\nGET"), 2);
  CHECK_EQ(SkippableEmptyLines("\r\n\r\nGET"), 4);
  CHECK_EQ(SkippableEmptyLines("\r\n\r\n\r"), 4);
  CHECK_EQ(SkippableEmptyLines("\r\n\n"), 2);
  CHECK_EQ(SkippableEmptyLines("\r"), 0);
  CHECK_EQ(SkippableEmptyLines("\nGET"), 0);
  CHECK_EQ(SkippableEmptyLines("GET"), 0);
  HeadScanner scanner;
  CHECK(scanner.Scan("\r\n", {}) == HeadScanner::Verdict::kRefuse);
}

TEST_CASE("a Host that is no host is refused, and every usual form of one is not") {
  RequestHead request;
  for (const std::string host :
       {"",    "a b", "a/b", "a@b", "a,b",  "a:b",   "a:80:80", "a:65536",     ":80",   "[::1", "::1",
        "[a]", "[]",  "a#b", "a?b", "a\\b", "a%00b", "[::1]x",  "caf\xC3\xA9", "a:+80", "<a>"}) {
    CAPTURE(host);
    CHECK_EQ(Parse("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n", request), RefuseReason::kBadHost);
  }
  for (const std::string host : {"a", "a.example", "a.example.", "A-b_c.example:8080", "127.0.0.1", "127.0.0.1:80",
                                 "[::1]", "[::1]:8000", "[::ffff:10.0.0.1]", "a:", "a:65535", "xn--caf-dma.example"}) {
    CAPTURE(host);
    REQUIRE_EQ(Parse("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n", request), kAccepted);
    CHECK_EQ(request.host, host);
  }
}

TEST_CASE("the authority of an absolute-form target replaces the Host field") {
  RequestHead request;
  REQUIRE_EQ(Parse(Request("GET http://b.example:81/c?d=http://e HTTP/1.1"), request), kAccepted);
  CHECK_EQ(request.host, "b.example:81");
  CHECK_EQ(request.target, "/c?d=http://e");
  REQUIRE_EQ(Parse(Request("GET HTTPS://b.example HTTP/1.1"), request), kAccepted);
  CHECK_EQ(request.host, "b.example");
  CHECK_EQ(request.target, "/");
  REQUIRE_EQ(Parse(Request("OPTIONS http://b.example HTTP/1.1"), request), kAccepted);
  CHECK_EQ(request.target, "*");
  CHECK_EQ(Parse("GET http://b.example/ HTTP/1.1\r\n\r\n", request), RefuseReason::kBadHost);
}

TEST_CASE("the body of a request is framed by its length or its chunks, and else there is none") {
  RequestHead request;
  REQUIRE_EQ(Parse(Request(kPost), request), kAccepted);
  CHECK(request.body == BodyKind::kNone);
  REQUIRE_EQ(Parse(Request(kPost, "Content-Length: 0\r\n"), request), kAccepted);
  CHECK(request.body == BodyKind::kNone);
  REQUIRE_EQ(Parse(Request(kPost, "Content-Length: 007\r\n"), request), kAccepted);
  CHECK(request.body == BodyKind::kLength);
  CHECK_EQ(request.content_length, 7);
  REQUIRE_EQ(Parse(Request(kPost, "Transfer-Encoding: Chunked\r\n"), request), kAccepted);
  CHECK(request.body == BodyKind::kChunked);
  REQUIRE_EQ(Parse(Request("GET / HTTP/1.1", "Content-Length: 5\r\n"), request), kAccepted);
  CHECK(request.body == BodyKind::kLength);
}

TEST_CASE("the connection is kept as version and Connection say") {
  struct Case {
    const char* version;
    const char* connection;
    bool keep_alive;
  };
  RequestHead request;
  for (const Case& expected : std::vector<Case>{
           {"HTTP/1.1", "", true},
           {"HTTP/1.1", "Connection: close\r\n", false},
           {"HTTP/1.1", "Connection: foo, CLOSE ,bar\r\n", false},
           {"HTTP/1.1", "Connection: keep-alive\r\nConnection: close\r\n", false},
           {"HTTP/1.1", "Connection: closed\r\n", true},
           {"HTTP/1.1", "Connection: not close\r\n", true},
           {"HTTP/1.0", "", false},
           {"HTTP/1.0", "Connection: Keep-Alive\r\n", true},
           {"HTTP/1.0", "Connection: keep-alive, close\r\n", false},
       }) {
    CAPTURE(std::string(expected.connection));
    REQUIRE_EQ(Parse(Request("GET / "s + expected.version, expected.connection), request), kAccepted);
    CHECK_EQ(request.keep_alive, expected.keep_alive);
    CHECK_EQ(request.minor_version, expected.version == "HTTP/1.1"s ? 1 : 0);
  }
}

TEST_CASE("100-continue is expected only by an HTTP/1.1 request that has a body") {
  RequestHead request;
  const std::string expect = "Expect: 100-continue\r\n";
  REQUIRE_EQ(Parse(Request(kPost, expect + "Content-Length: 1\r\n"), request), kAccepted);
  CHECK(request.expect_continue);
  REQUIRE_EQ(Parse(Request(kPost, expect + "Content-Length: 0\r\n"), request), kAccepted);
  CHECK_FALSE(request.expect_continue);
  REQUIRE_EQ(Parse(Request("POST / HTTP/1.0", expect + "Content-Length: 1\r\n"), request), kAccepted);
  CHECK_FALSE(request.expect_continue);
}

TEST_CASE("a WebSocket is wanted when Upgrade lists it, and other upgrades are not ours") {
  RequestHead request;
  for (const char* upgrade : {"websocket", "WebSocket", "h2c, websocket", "foo ,\tWEBSOCKET"}) {
    REQUIRE_EQ(Parse(Request(kGet, "Upgrade: "s + upgrade + "\r\n"), request), kAccepted);
    CHECK(request.wants_websocket);
  }
  for (const char* upgrade : {"h2c", "foo", "websockets", "web socket", "websocket/13", ""}) {
    REQUIRE_EQ(Parse(Request(kGet, "Upgrade: "s + upgrade + "\r\n"), request), kAccepted);
    CHECK_FALSE(request.wants_websocket);
  }
}

TEST_CASE("underscores in field names pass where the operator allows them") {
  RequestHead request;
  CHECK_EQ(Parse(Request(kGet, "X_Y: z\r\n"), request, {.allow_underscores = true}), kAccepted);
  CHECK_EQ(request.Find("X_Y"), "z");
}

TEST_CASE("a request at a limit passes, and one byte or field over it does not") {
  RequestHead request;
  const HeadLimits limits{.max_line = 100, .max_head = 300, .max_fields = 5};
  const auto with_line = [](size_t size) { return Request("GET /" + std::string(size - 14, 'a') + " HTTP/1.1"); };
  CHECK_EQ(Parse(with_line(100), request, limits), kAccepted);
  CHECK_EQ(Parse(with_line(101), request, limits), RefuseReason::kLineTooLong);

  const auto with_head = [](size_t size) {
    const size_t without = Request(kGet, "A: \r\n").size();
    return Request(kGet, "A: " + std::string(size - without, 'b') + "\r\n");
  };
  CHECK_EQ(Parse(with_head(300), request, limits), kAccepted);
  CHECK_EQ(Parse(with_head(301), request, limits), RefuseReason::kHeadTooLarge);

  std::string fields;
  for (int i = 1; i < 5; ++i) fields += "A: b\r\n";
  CHECK_EQ(Parse(Request(kGet, fields), request, limits), kAccepted);
  CHECK_EQ(Parse(Request(kGet, fields + "A: b\r\n"), request, limits), RefuseReason::kTooManyFields);
}

TEST_CASE("a head over its limit is refused without waiting for its end") {
  HeadScanner scanner;
  CHECK(scanner.Scan("GET /" + std::string(16 * 1024, 'a'), {}) == HeadScanner::Verdict::kRefuse);
  CHECK_EQ(scanner.reason(), RefuseReason::kLineTooLong);
  scanner.Reset();
  CHECK(scanner.Scan("GET / HTTP/1.1\r\nA: " + std::string(64 * 1024, 'a'), {}) == HeadScanner::Verdict::kRefuse);
  CHECK_EQ(scanner.reason(), RefuseReason::kHeadTooLarge);
  scanner.Reset();
  std::string many = "GET / HTTP/1.1\r\n";
  for (int i = 0; i < 5000; ++i) many += "A: bcdefghij\r\n";
  CHECK(scanner.Scan(many, {}) == HeadScanner::Verdict::kRefuse);
  CHECK_EQ(scanner.reason(), RefuseReason::kHeadTooLarge);
}

TEST_CASE("a body that follows its head in the same read does not count towards the head's limit") {
  HeadScanner scanner;
  const std::string head = Request(kPost, "Content-Length: 20000\r\n");
  CHECK(scanner.Scan(head + std::string(20000, '\0'), {}) == HeadScanner::Verdict::kComplete);
  CHECK_EQ(scanner.head_size(), head.size());
}

TEST_CASE("a head that comes byte by byte is scanned once, not anew with every byte") {
  // 64 KiB a byte at a time: a scan that starts over would look at two billion bytes.
  std::string head = "GET / HTTP/1.1\r\n";
  while (head.size() < 65'000) head += "A: " + std::string(60, 'b') + "\r\n";
  head += "\r\n";
  HeadScanner scanner;
  HeadScanner::Verdict verdict = HeadScanner::Verdict::kNeedMore;
  for (size_t size = 1; size <= head.size(); ++size) {
    REQUIRE(verdict == HeadScanner::Verdict::kNeedMore);
    verdict = scanner.Scan(std::string_view(head).substr(0, size), {});
  }
  CHECK(verdict == HeadScanner::Verdict::kComplete);
  CHECK_EQ(scanner.head_size(), head.size());
}

TEST_CASE("a RequestHead that is used again remembers nothing of the request before") {
  RequestHead request;
  REQUIRE_EQ(
      Parse(Request(kPost, "Expect: 100-continue\r\nContent-Length: 5\r\nConnection: close\r\nUpgrade: websocket\r\n"),
            request),
      kAccepted);
  const size_t capacity = request.fields.capacity();
  REQUIRE_EQ(Parse("GET / HTTP/1.1\r\nHost: b\r\n\r\n", request), kAccepted);
  CHECK_EQ(request.fields.size(), 1);
  CHECK_EQ(request.fields.capacity(), capacity);
  CHECK(request.body == BodyKind::kNone);
  CHECK_EQ(request.content_length, 0);
  CHECK(request.keep_alive);
  CHECK_FALSE(request.expect_continue);
  CHECK_FALSE(request.wants_websocket);
}

TEST_CASE("tokens are found in lists whatever their case, and only whole ones") {
  CHECK(ListHasToken("a, B ,c", "b"));
  CHECK(ListHasToken("b", "B"));
  CHECK(ListHasToken(",,b,", "b"));
  CHECK_FALSE(ListHasToken("ab, bc, a b", "b"));
  CHECK_FALSE(ListHasToken("", "b"));
  CHECK(EqualsIgnoreCase("Content-Length", "cONTENT-lENGTH"));
  CHECK_FALSE(EqualsIgnoreCase("Content-Length", "Content-Lengt"));
  CHECK_FALSE(EqualsIgnoreCase("[", "{"));
}

}  // namespace sheaf::wire
