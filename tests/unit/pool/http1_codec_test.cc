// Responses of HTTP/1.1: every verdict, and every way a response can be cut up.
#include "pool/http1_codec.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/pool/codec_exchange.h"

namespace sheaf::pool {
namespace {

using std::string_literals::operator""s;
using Lines = std::vector<std::string>;

struct Row {
  std::string what;
  const char* method;
  std::string response;
  Lines told;
  Verdict verdict;
};

const Row kCompleteResponses[] = {
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
    {"HTTP/1.0", "GET", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", {"head 200", "body ok"}, Verdict::kFinished},
    {"an error",
     "GET",
     "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\n\r\nno",
     {"head 500", "body no"},
     Verdict::kReusable},
};

std::string ManyFields(size_t bytes) {
  std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n";
  while (head.size() < bytes) head += "X-Filler: " + std::string(500, 'x') + "\r\n";
  return head + "\r\n";
}

}  // namespace

TEST_CASE("a response is handed on as head and body, and the verdict says whether the connection is clean") {
  for (const Row& row : kCompleteResponses) {
    CAPTURE(row.what);
    Exchange exchange(Request(row.method));
    CHECK(exchange.Feed(row.response) == row.verdict);
    CHECK(exchange.host.recorder.told == row.told);
  }
}

TEST_CASE("a response that is split at any byte comes out the same") {
  for (const Row& row : kCompleteResponses) {
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
  for (const Row& row : kCompleteResponses) {
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
  for (const Row& row : kCompleteResponses) {
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
  for (const Row& row : kCompleteResponses) {
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

}  // namespace sheaf::pool
