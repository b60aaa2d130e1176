// Requests as they go upstream: the head, the body, and what ends the connection.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/unit/pool/codec_exchange.h"

namespace sheaf::pool {
namespace {

using Lines = std::vector<std::string>;

HttpRequest RequestWithBody(wire::BodyKind kind) {
  HttpRequest request = Request("POST");
  request.body = kind;
  return request;
}

}  // namespace

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
  exchange.stream = std::make_unique<PooledStream>(Nowhere(), Request("HEAD"), exchange.host.recorder, 0);
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

}  // namespace sheaf::pool
