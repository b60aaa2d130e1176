// One HTTP/1.1 exchange on an upstream connection, without a socket: every verdict, and every way a response can be cut
// up.
#include "pool/http1_codec.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/wire/ws_handshake.h"
#include "tests/fakes/fake_codec_host.h"
#include "tests/fakes/frames.h"
#include "tests/fakes/pool_fixture.h"

namespace sheaf::pool {
namespace {

using Verdict = Codec::Verdict;
using std::string_literals::operator""s;
using Lines = std::vector<std::string>;

constexpr char kKey[] = "dGhlIHNhbXBsZSBub25jZQ==";

HttpRequest RequestWithBody(wire::BodyKind kind) {
  HttpRequest request = Request("POST");
  request.body = kind;
  return request;
}

std::shared_ptr<Upgrade> WebSocketRequest(const std::string& protocols = "") {
  return OpenWebSocket(protocols.empty() ? "" : "Sec-WebSocket-Protocol: " + protocols + "\r\n");
}

std::string Switching(const std::string& fields = "Sec-WebSocket-Accept: " + wire::WebSocketAccept(kKey) + "\r\n") {
  return "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" + fields + "\r\n";
}

// Where the streams would wait for a connection; none of these does.
Upstream& Nowhere() {
  static PoolFixture fixture;
  if (!fixture.upstream) fixture.Start();
  return *fixture.upstream;
}

struct Exchange {
  explicit Exchange(HttpRequest asked = Request("GET"), const Options::Limits& options = {})
      : limits(ResponseHeadLimits(options)),
        codec(host, limits, head),
        stream(std::make_unique<PooledStream>(Nowhere(), std::move(asked), host.recorder, TimePoint{})) {
    Begin();
  }
  explicit Exchange(std::shared_ptr<const Upgrade> asked)
      : codec(host, limits, head),
        stream(std::make_unique<PooledStream>(Nowhere(), std::move(asked), host.recorder, TimePoint{})) {
    Begin();
  }
  void Begin() {
    codec.Attach(*stream);
    asked = std::exchange(host.written, std::string());
  }
  // The stream is closed from within the `nth` event that begins with `word`.
  void CloseDuring(std::string_view word, int nth = 1) {
    host.CloseDuring(
        word, [this] { stream->Close(CloseReason::kClientGone); }, nth);
  }

  // Feeds one read. The bytes lie in memory of their own, so that a sanitizer sees a view that is kept.
  Verdict Feed(std::string_view part) {
    std::vector<uint8_t> bytes(part.begin(), part.end());
    std::span<uint8_t> input = bytes;
    const Verdict verdict = codec.OnBytes(input);
    rest.assign(input.begin(), input.end());
    if (verdict == Verdict::kUpgraded) {
      accept = head.Find("Sec-WebSocket-Accept").value_or("");  // a view that may point into `bytes`
    }
    return verdict;
  }
  // Feeds what is before and after `split`, as two reads; what the first one decides stands.
  Verdict FeedSplit(std::string_view response, size_t split) {
    if (split != 0) {
      const Verdict first = Feed(response.substr(0, split));
      if (first != Verdict::kGoOn) return first;
      CHECK(rest.empty());
    }
    return Feed(response.substr(split));
  }

  FakeCodecHost host;
  wire::HeadLimits limits = ResponseHeadLimits({});
  wire::ResponseHead head;
  Http1Codec codec;
  std::unique_ptr<PooledStream> stream;
  std::string asked;  // what went upstream at the beginning
  std::string rest;
  std::string accept;  // of the 101, when there was one
};

struct Row {
  std::string what;
  const char* method;
  std::string response;
  Lines told;
  Verdict verdict;
};

const std::vector<Row>& CompleteResponses() {
  static const std::vector<Row> rows = {
      {"length",
       "GET",
       "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
       {"head 200", "body hello"},
       Verdict::kReusable},
      {"no body", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", {"head 200"}, Verdict::kReusable},
      {"204", "DELETE", "HTTP/1.1 204 No Content\r\n\r\n", {"head 204"}, Verdict::kReusable},
      {"304 with a length",
       "GET",
       "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
       {"head 304"},
       Verdict::kReusable},
      {"HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", {"head 200"}, Verdict::kReusable},
      {"HEAD, chunked",
       "HEAD",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
       {"head 200"},
       Verdict::kReusable},
      {"chunked",
       "GET",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;x=y\r\n!\r\n0\r\n\r\n",
       {"head 200", "body hello!"},
       Verdict::kReusable},
      {"chunked with a trailer",
       "GET",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n0\r\nChecksum: 1\r\n\r\n",
       {"head 200", "body 0123456789"},
       Verdict::kReusable},
      {"chunk sizes with spaces",
       "GET",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5   \r\nhello\r\n0   \r\n\r\n",
       {"head 200", "body hello"},
       Verdict::kReusable},
      {"the same length twice",
       "GET",
       "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
       {"head 200", "body hello"},
       Verdict::kReusable},
      {"HTTP/1.2",
       "GET",
       "HTTP/1.2 200 OK\r\nContent-Length: 5\r\n\r\nhello",
       {"head 200", "body hello"},
       Verdict::kReusable},
      {"empty chunked",
       "GET",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       {"head 200"},
       Verdict::kReusable},
      {"100 and 103 before",
       "POST",
       "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
       "2\r\n\r\nok",
       {"head 100", "head 103", "head 200", "body ok"},
       Verdict::kReusable},
      {"Connection: close",
       "GET",
       "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
       {"head 200", "body ok"},
       Verdict::kFinished},
      {"HTTP/1.0",
       "GET",
       "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
       {"head 200", "body ok"},
       Verdict::kFinished},
      {"an error",
       "GET",
       "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\n\r\nno",
       {"head 500", "body no"},
       Verdict::kReusable},
  };
  return rows;
}

std::string ManyFields(size_t bytes) {
  std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n";
  while (head.size() < bytes) head += "X-Filler: " + std::string(500, 'x') + "\r\n";
  return head + "\r\n";
}

}  // namespace

TEST_CASE("a response is handed on as head and body, and the verdict says whether the connection is clean") {
  for (const Row& row : CompleteResponses()) {
    CAPTURE(row.what);
    Exchange exchange(Request(row.method));
    CHECK(exchange.Feed(row.response) == row.verdict);
    CHECK(exchange.host.recorder.told == row.told);
  }
}

TEST_CASE("a response that is split at any byte comes out the same") {
  for (const Row& row : CompleteResponses()) {
    for (size_t split = 1; split < row.response.size(); ++split) {
      CAPTURE(row.what);
      CAPTURE(split);
      Exchange exchange(Request(row.method));
      CHECK(exchange.FeedSplit(row.response, split) == row.verdict);
      CHECK(exchange.host.recorder.told == row.told);
    }
  }
}

TEST_CASE("a response that comes byte by byte comes out the same") {
  for (const Row& row : CompleteResponses()) {
    CAPTURE(row.what);
    Exchange exchange(Request(row.method));
    Verdict verdict = Verdict::kGoOn;
    for (size_t i = 0; i < row.response.size(); ++i) {
      REQUIRE(verdict == Verdict::kGoOn);
      verdict = exchange.Feed(std::string_view(row.response).substr(i, 1));
    }
    CHECK(verdict == row.verdict);
    CHECK(exchange.host.recorder.told == row.told);
  }
}

TEST_CASE("a response that is cut off at any byte is truncated, and gone only when no byte has come") {
  for (const Row& row : CompleteResponses()) {
    for (size_t cut = 0; cut < row.response.size(); ++cut) {
      CAPTURE(row.what);
      CAPTURE(cut);
      Exchange exchange(Request(row.method));
      CHECK(exchange.codec.untouched());
      if (cut != 0) CHECK(exchange.Feed(std::string_view(row.response).substr(0, cut)) == Verdict::kGoOn);
      CHECK_EQ(exchange.codec.untouched(), cut == 0);
      CHECK(exchange.codec.OnEnd() == (cut == 0 ? Verdict::kGone : Verdict::kTruncated));
    }
  }
}

TEST_CASE("a body without a length ends with the connection, which is then not reusable") {
  Exchange exchange;
  CHECK(exchange.Feed("HTTP/1.1 200 OK\r\n\r\nhel") == Verdict::kGoOn);
  CHECK(exchange.Feed("lo") == Verdict::kGoOn);
  CHECK(exchange.codec.OnEnd() == Verdict::kFinished);
  CHECK(exchange.host.recorder.told == Lines{"head 200", "body hello"});
}

TEST_CASE("extra bytes after a response are told to nobody, and the connection is not reusable") {
  for (const Row& row : CompleteResponses()) {
    CAPTURE(row.what);
    Exchange exchange(Request(row.method));
    CHECK(exchange.Feed(row.response + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil") == Verdict::kFinished);
    CHECK(exchange.host.recorder.told == row.told);
  }
}

TEST_CASE("a response that cannot be trusted is broken however it is split, and its head is not passed on") {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"length and encoding", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"},
      {"a signed length", "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello"},
      {"another coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
      {"bare LF", "HTTP/1.1 200 OK\nContent-Length: 0\n\n"},
      {"folded field", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n"},
      {"space before the colon", "HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n"},
      {"NUL in a value", "HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n"s},
      {"another protocol", "SSH-2.0-OpenSSH_9.2\r\n\r\n"},
      {"HTTP/2", "HTTP/2 200\r\n\r\n"},
      {"no status", "HTTP/1.1 OK\r\n\r\n"},
      {"a status of two digits", "HTTP/1.1 99 Low\r\n\r\n"},
  };
  for (const auto& row : rows) {
    const std::string& what = row.first;
    const std::string& response = row.second;
    for (size_t split = 0; split < response.size(); ++split) {
      CAPTURE(what);
      CAPTURE(split);
      Exchange exchange;
      CHECK(exchange.FeedSplit(response, split) == Verdict::kBroken);
      CHECK(exchange.host.recorder.told.empty());
    }
  }
}

TEST_CASE("a malformed chunk breaks the response after its head, however it is split") {
  const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const std::string body : {"0x5\r\nhello\r\n", "+5\r\nhello\r\n", "5\nhello\n", "5\r\nhelloXX", "zz\r\n", "\r\n",
                                 "11111111111111111\r\n", "0\r\nContent-Length: 1\r\n\r\n"}) {
    for (size_t split = head.size(); split < head.size() + body.size(); ++split) {
      CAPTURE(body);
      CAPTURE(split);
      Exchange exchange;
      CHECK(exchange.FeedSplit(head + body, split) == Verdict::kBroken);
      CHECK_EQ(exchange.host.recorder.told.front(), "head 200");
    }
  }
}

TEST_CASE("a response's head may have as many bytes and fields as limits.max_head and max_fields say, and no more") {
  const std::string large = ManyFields(63 * 1024);
  Exchange fits;
  CHECK(fits.Feed(large) == Verdict::kReusable);
  Exchange fits_in_two;
  CHECK(fits_in_two.FeedSplit(large, 20'000) == Verdict::kReusable);
  Options::Limits limits;
  limits.max_head = large.size();
  limits.max_fields = static_cast<uint32_t>(std::count(large.begin(), large.end(), ':'));
  Exchange just_fits(Request("GET"), limits);
  CHECK(just_fits.Feed(large) == Verdict::kReusable);
  --limits.max_fields;
  Exchange too_many(Request("GET"), limits);
  CHECK(too_many.Feed(large) == Verdict::kBroken);
  CHECK_EQ(too_many.codec.fault().cause, "too_many_fields");
  ++limits.max_fields;
  --limits.max_head;
  Exchange too_long(Request("GET"), limits);
  CHECK(too_long.Feed(large) == Verdict::kBroken);
  CHECK_EQ(too_long.codec.fault().cause, "head_too_large");

  const std::string too_large = ManyFields(65 * 1024);
  Exchange whole;
  CHECK(whole.Feed(too_large) == Verdict::kBroken);
  Exchange in_parts;
  Verdict verdict = Verdict::kGoOn;
  for (size_t at = 0; at < too_large.size() && verdict == Verdict::kGoOn; at += 1000) {
    verdict = in_parts.Feed(std::string_view(too_large).substr(at, 1000));
  }
  CHECK(verdict == Verdict::kBroken);
  CHECK(in_parts.host.recorder.told.empty());
}

TEST_CASE("a large body is handed on without being held") {
  Exchange exchange;
  CHECK(exchange.Feed("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n") == Verdict::kGoOn);
  for (int i = 1; i <= 10; ++i) {
    const Verdict verdict = exchange.Feed(std::string(100'000, 'x'));
    CHECK(verdict == (i == 10 ? Verdict::kReusable : Verdict::kGoOn));
    CHECK_EQ(exchange.host.recorder.told.back().size(), static_cast<size_t>(i) * 100'000 + 5);
  }
}

TEST_CASE("a stream closed from within a callback hears nothing more") {
  const std::string response =
      "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: "
      "chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n";
  const std::vector<std::pair<std::string, Lines>> rows = {
      {"head", {"head 103"}},
      {"body", {"head 103", "head 200", "body a"}},
  };
  for (const auto& row : rows) {
    const std::string& word = row.first;
    const Lines& told = row.second;
    CAPTURE(word);
    Exchange exchange;
    exchange.CloseDuring(word);
    CHECK(exchange.Feed(response) == Verdict::kClosed);
    CHECK(exchange.host.recorder.told == told);
  }
  Exchange final_head;
  final_head.CloseDuring("head", 2);
  CHECK(final_head.Feed(response) == Verdict::kClosed);
  CHECK(final_head.host.recorder.told == Lines{"head 103", "head 200"});
}

TEST_CASE("the head goes upstream as it is, and that of an upgrade with what asks for it") {
  Exchange exchange;
  CHECK_EQ(exchange.asked, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  exchange.stream->FinishBody();
  CHECK(exchange.host.written.empty());
  CHECK_EQ(Exchange(OpenWebSocket()).asked, UpgradeHead());
}

TEST_CASE("a codec serves one request after another, and nothing of the first is left for the second") {
  Exchange exchange(RequestWithBody(wire::BodyKind::kChunked));
  exchange.stream->FinishBody();
  // In two parts, so that it is put together.
  CHECK(exchange.FeedSplit("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 20) == Verdict::kReusable);
  exchange.codec.Finish();
  CHECK_FALSE(exchange.stream->leased());
  CHECK_EQ(exchange.host.recorder.told.back(), "end");

  exchange.host.recorder.told.clear();
  exchange.stream = std::make_unique<PooledStream>(Nowhere(), Request("HEAD"), exchange.host.recorder, TimePoint{});
  exchange.host.written.clear();
  exchange.Begin();
  CHECK(exchange.codec.untouched());
  CHECK_EQ(exchange.asked, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(exchange.Feed("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n") == Verdict::kReusable);
  CHECK(exchange.host.recorder.told == Lines{"head 200"});
}

TEST_CASE("a body with a length goes upstream as it came") {
  Exchange exchange(RequestWithBody(wire::BodyKind::kLength));
  exchange.stream->SendBody("hel");
  exchange.stream->SendBody("lo");
  exchange.stream->FinishBody();
  CHECK_EQ(exchange.host.written, "hello");
}

TEST_CASE("a chunked body is framed anew, an empty part does not end it, and its end is sent once") {
  Exchange exchange(RequestWithBody(wire::BodyKind::kChunked));
  exchange.stream->SendBody("hello");
  exchange.stream->SendBody("");
  exchange.stream->SendBody(std::string(26, 'x'));
  CHECK_EQ(exchange.host.written, "5\r\nhello\r\n1a\r\n" + std::string(26, 'x') + "\r\n");
  exchange.host.written.clear();
  exchange.stream->FinishBody();
  exchange.stream->FinishBody();
  CHECK_EQ(exchange.host.written, "0\r\n\r\n");
}

TEST_CASE("a body that was finished together with the head is not finished again") {
  HttpRequest request = RequestWithBody(wire::BodyKind::kChunked);
  request.head += "0\r\n\r\n";
  request.body_finished = true;
  Exchange exchange(std::move(request));
  exchange.stream->FinishBody();
  CHECK(exchange.host.written.empty());
  CHECK(exchange.Feed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") == Verdict::kReusable);
}

TEST_CASE("a response that overtakes the end of its request's body ends the connection") {
  const std::string response = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n";
  for (const wire::BodyKind kind : {wire::BodyKind::kLength, wire::BodyKind::kChunked}) {
    Exchange early(RequestWithBody(kind));
    early.stream->SendBody("hel");
    CHECK(early.Feed(response) == Verdict::kFinished);

    Exchange in_order(RequestWithBody(kind));
    in_order.stream->SendBody("hello");
    in_order.stream->FinishBody();
    CHECK(in_order.Feed(response) == Verdict::kReusable);
  }
}

TEST_CASE("a request that is given up breaks its connection off") {
  Exchange exchange;
  exchange.stream->Close(CloseReason::kClientGone);
  CHECK_EQ(exchange.host.ended, "closed client_gone");
}

TEST_CASE(
    "a connection that breaks off before the first byte of a response is gone, and later the response is cut off") {
  Exchange exchange;
  CHECK(exchange.codec.lost() == CloseReason::kUpstreamGone);
  exchange.Feed("H");
  CHECK(exchange.codec.lost() == CloseReason::kUpstreamTruncated);
}

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
