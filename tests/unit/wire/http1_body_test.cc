// Bodies: chunked framing to the letter (hardening rows 8-11), and every way of cutting it gives the same bytes.
#include <string>
#include <vector>

#include "tests/unit/wire/http1_test_util.h"

namespace sheaf::wire {
namespace {

using std::string_literals::operator""s;

struct Decoded {
  BodyDecoder::Verdict verdict = BodyDecoder::Verdict::kNeedMore;
  std::string data;
  std::string rest;  // what belongs to the next message
};

// Feeds `decoder` until it needs more or is done. What is left of the input is `rest`.
void Feed(BodyDecoder& decoder, std::string_view input, Decoded& result) {
  for (;;) {
    const BodyDecoder::Step step = decoder.Next(input);
    result.verdict = step.verdict;
    result.data += step.data;
    if (step.verdict == BodyDecoder::Verdict::kData) continue;
    if (step.verdict == BodyDecoder::Verdict::kNeedMore) REQUIRE(input.empty());
    result.rest.assign(input);
    return;
  }
}

Decoded DecodeInTwoReads(BodyDecoder& decoder, std::string_view body, size_t cut) {
  Decoded result;
  Feed(decoder, body.substr(0, cut), result);
  if (result.verdict == BodyDecoder::Verdict::kNeedMore) {
    Feed(decoder, body.substr(cut), result);
  } else {
    result.rest += body.substr(cut);
  }
  return result;
}

Decoded DecodeByteByByte(BodyDecoder& decoder, std::string_view body) {
  Decoded result;
  for (size_t i = 0; i < body.size(); ++i) {
    Feed(decoder, body.substr(i, 1), result);
    if (result.verdict != BodyDecoder::Verdict::kNeedMore) {
      result.rest += body.substr(i + 1);
      break;
    }
  }
  return result;
}

void CheckRejectedAtEveryCut(const std::string& body, RefuseReason reason, Sender sender = Sender::kClient) {
  CAPTURE(body);
  BodyDecoder decoder;
  for (size_t cut = 0; cut <= body.size(); ++cut) {
    CAPTURE(cut);
    decoder.Reset(BodyKind::kChunked, 0, sender);
    REQUIRE(DecodeInTwoReads(decoder, body, cut).verdict == BodyDecoder::Verdict::kRefuse);
    REQUIRE_EQ(decoder.reason(), reason);
    REQUIRE_FALSE(decoder.complete());
  }
}

// With the 0-chunk and a byte of the next message after it.
void CheckAcceptedAtEveryCut(const std::string& chunks, std::string_view data, Sender sender = Sender::kClient) {
  const std::string body = chunks + "N";
  CAPTURE(body);
  BodyDecoder decoder;
  const auto check = [&](const Decoded& result) {
    REQUIRE(result.verdict == BodyDecoder::Verdict::kComplete);
    REQUIRE_EQ(result.data, data);
    REQUIRE_EQ(result.rest, "N");
    REQUIRE(decoder.complete());
  };
  for (size_t cut = 0; cut <= body.size(); ++cut) {
    CAPTURE(cut);
    decoder.Reset(BodyKind::kChunked, 0, sender);
    check(DecodeInTwoReads(decoder, body, cut));
  }
  decoder.Reset(BodyKind::kChunked, 0, sender);
  check(DecodeByteByByte(decoder, body));
}

}  // namespace

TEST_CASE("a chunk's size line is what the decoder takes for it") {
  for (const size_t size : {size_t{1}, size_t{15}, size_t{16}, size_t{65536}, size_t{1'000'000}}) {
    CAPTURE(size);
    const std::string body = ChunkSizeLine(size) + std::string(size, 'x') + "\r\n" + std::string(kLastChunk);
    BodyDecoder decoder;
    decoder.Reset(BodyKind::kChunked, 0);
    std::string_view input = body;
    size_t taken = 0;
    for (;;) {
      const BodyDecoder::Step step = decoder.Next(input);
      if (step.verdict != BodyDecoder::Verdict::kData) break;
      taken += step.data.size();
    }
    CHECK(decoder.complete());
    CHECK_EQ(taken, size);
  }
  CHECK_EQ(ChunkSizeLine(255), "ff\r\n");
}

TEST_CASE("a chunked body gives its data and leaves the next message alone, wherever it is cut") {
  CheckAcceptedAtEveryCut("0\r\n\r\n", "");
  CheckAcceptedAtEveryCut("5\r\nhello\r\n0\r\n\r\n", "hello");
  CheckAcceptedAtEveryCut("5\r\nhello\r\n1\r\n,\r\n006\r\n world\r\n000\r\n\r\n", "hello, world");
  CheckAcceptedAtEveryCut("a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789");
  std::string many;
  for (int i = 0; i < 20; ++i) many += "01\r\nx\r\n";
  CheckAcceptedAtEveryCut(many + "0\r\n\r\n", std::string(20, 'x'));
  CheckAcceptedAtEveryCut("4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n");
  CheckAcceptedAtEveryCut("1;a=b\r\nx\r\n1;c=\"d e\";f\r\ny\r\n0;last\r\n\r\n", "xy");
  CheckAcceptedAtEveryCut("1\r\nx\r\n0\r\nExpires: never\r\nX-Sum:\t12 \r\nX_Y: z\r\n\r\n", "x");
}

TEST_CASE("a chunk size that is not plain hexadecimal is refused, wherever it is cut") {
  for (const std::string size :
       {"0x5", "+5", "-5", "5_0", " 5", "5 ", "\t5", "5\t", "", "g", "5h", "5,", "5.0", "0x", "\xB5",
        "10000000000000000", "FFFFFFFFFFFFFFFF", "7FFFFFFFFFFFFFFF", "0000000000000005"}) {
    CheckRejectedAtEveryCut(size + "\r\nhello\r\n0\r\n\r\n", RefuseReason::kBadChunk);
  }
  CheckRejectedAtEveryCut(";a=b\r\nhello\r\n0\r\n\r\n", RefuseReason::kBadChunk);
}

TEST_CASE("white space behind a chunk's size is taken from a backend, and only there") {
  const auto backend = Sender::kBackend;
  CheckAcceptedAtEveryCut("5 \r\nhello\r\n0  \r\n\r\n", "hello", backend);
  CheckAcceptedAtEveryCut("00000005\t \r\nhello\r\n0\r\n\r\n", "hello", backend);
  CheckAcceptedAtEveryCut("5 ;a=b\r\nhello\r\n0 ; c\r\n\r\n", "hello", backend);
  for (const std::string size : {" 5", "5 5", "5 a", "5 \n", "5\v", "\t", "5 \x01", "0x5 ", "10000000000000000 "}) {
    CheckRejectedAtEveryCut(size + "\r\nhello\r\n0\r\n\r\n", RefuseReason::kBadChunk, backend);
  }
  const std::string most = "5" + std::string(4096, ' ');
  CheckRejectedAtEveryCut(most + " \r\nhello\r\n0\r\n\r\n", RefuseReason::kChunkExtensionTooLong, backend);
  BodyDecoder decoder;
  decoder.Reset(BodyKind::kChunked, 0, backend);
  CHECK(DecodeInTwoReads(decoder, most + "\r\nhello\r\n0\r\n\r\n", 0).verdict == BodyDecoder::Verdict::kComplete);
}

TEST_CASE("a chunk line that does not end in CRLF is refused, wherever it is cut") {
  for (const char* body : {"5\nhello\r\n0\r\n\r\n", "5\rhello\r\n0\r\n\r\n", "5\r\rhello", "5;a\nhello\r\n",
                           "5;a\rhello\r\n", "5\r\nhello\n0\r\n\r\n", "5\r\nhello\r0\r\n\r\n", "5\r\nhello0\r\n\r\n",
                           "5\r\nhello!\r\n0\r\n\r\n", "5\r\nhello\n\r\n", "0\n\r\n", "0\r\r\n"}) {
    CheckRejectedAtEveryCut(body, RefuseReason::kBadChunk);
  }
}

TEST_CASE("chunk extensions are refused with controls in them, and over 4 KiB in all") {
  CheckRejectedAtEveryCut("1;a\x01\r\nx\r\n0\r\n\r\n", RefuseReason::kBadChunk);
  CheckRejectedAtEveryCut("1;a\tb\r\nx\r\n0\r\n\r\n", RefuseReason::kBadChunk);
  CheckRejectedAtEveryCut("1;a\0b\r\nx\r\n0\r\n\r\n"s, RefuseReason::kBadChunk);
  CheckRejectedAtEveryCut("1;a\x7F\r\nx\r\n0\r\n\r\n", RefuseReason::kBadChunk);

  const auto decode = [](const std::string& body) {
    BodyDecoder decoder;
    decoder.Reset(BodyKind::kChunked, 0);
    const Decoded result = DecodeInTwoReads(decoder, body, 0);
    return std::pair(result.verdict, decoder.reason());
  };
  const std::string half(2048, 'e');
  const std::string two = "1;" + half + "\r\nx\r\n1;" + half;
  CHECK(decode(two + "\r\ny\r\n0\r\n\r\n").first == BodyDecoder::Verdict::kComplete);
  CHECK(decode(two + "e\r\ny\r\n0\r\n\r\n") ==
        std::pair(BodyDecoder::Verdict::kRefuse, RefuseReason::kChunkExtensionTooLong));
  CHECK(decode("1;" + std::string(4097, 'e')) ==
        std::pair(BodyDecoder::Verdict::kRefuse, RefuseReason::kChunkExtensionTooLong));
}

TEST_CASE("trailers that are malformed, or that would change the message, are refused wherever they are cut") {
  for (const char* trailer :
       {"Content-Length: 5", "transfer-encoding: chunked", "Host: b", "Connection: close", "Authorization: c",
        "Set-Cookie: d", "Content-Type: e", "Content-Encoding: gzip", "Trailer: f", "TE: trailers", "Expect: g",
        "Cache-Control: h", "If-Match: i", "NoColon", ": j", "K : l", " folded", "M: n\x01", "O: p\rq"}) {
    CheckRejectedAtEveryCut("1\r\nx\r\n0\r\n" + std::string(trailer) + "\r\n\r\n", RefuseReason::kBadTrailer);
  }
  CheckRejectedAtEveryCut("0\r\nA: b\0c\r\n\r\n"s, RefuseReason::kBadTrailer);
  CheckRejectedAtEveryCut("0\r\nA: b\r\n c\r\n\r\n", RefuseReason::kBadTrailer);
  CheckRejectedAtEveryCut("0\r\nA: b\n\r\n", RefuseReason::kBadTrailer);
  CheckRejectedAtEveryCut("0\r\nA: b\r\n\n", RefuseReason::kBadTrailer);
}

TEST_CASE("trailers are let pass up to 8 KiB, and not a byte more") {
  const auto verdict = [](size_t size, size_t cut) {
    BodyDecoder decoder;
    decoder.Reset(BodyKind::kChunked, 0);
    const std::string body = "0\r\nA: " + std::string(size - 7, 'b') + "\r\n\r\n";
    return DecodeInTwoReads(decoder, body, cut).verdict;
  };
  for (const size_t cut : {0U, 3U, 100U, 8000U}) {
    CHECK(verdict(8 * 1024, cut) == BodyDecoder::Verdict::kComplete);
    CHECK(verdict(8 * 1024 + 1, cut) == BodyDecoder::Verdict::kRefuse);
  }
  BodyDecoder decoder;
  decoder.Reset(BodyKind::kChunked, 0);
  CHECK(DecodeInTwoReads(decoder, "0\r\n" + std::string(9000, 'a'), 50).verdict == BodyDecoder::Verdict::kRefuse);
}

TEST_CASE("a body with a length ends there, wherever it is cut") {
  BodyDecoder decoder;
  const std::string body = "helloNEXT";
  for (size_t cut = 0; cut <= body.size(); ++cut) {
    decoder.Reset(BodyKind::kLength, 5);
    CHECK_FALSE(decoder.complete());
    const Decoded result = DecodeInTwoReads(decoder, body, cut);
    CHECK(result.verdict == BodyDecoder::Verdict::kComplete);
    CHECK_EQ(result.data, "hello");
    CHECK_EQ(result.rest, "NEXT");
    CHECK(decoder.complete());
  }
}

TEST_CASE("a body that stopped too early is not complete") {
  BodyDecoder decoder;
  Decoded result;
  decoder.Reset(BodyKind::kLength, 5);
  Feed(decoder, "hell", result);
  CHECK(result.verdict == BodyDecoder::Verdict::kNeedMore);
  CHECK_FALSE(decoder.complete());
  const std::string chunked = "5\r\nhello\r\n0\r\nA: b\r\n\r\n";
  for (size_t size = 0; size < chunked.size(); ++size) {
    decoder.Reset(BodyKind::kChunked, 0);
    Feed(decoder, std::string_view(chunked).substr(0, size), result);
    CHECK(result.verdict == BodyDecoder::Verdict::kNeedMore);
    CHECK_FALSE(decoder.complete());
  }
}

TEST_CASE("no body is complete at once, and one that ends with the connection never is") {
  BodyDecoder decoder;
  Decoded result;
  decoder.Reset(BodyKind::kNone, 0);
  CHECK(decoder.complete());
  Feed(decoder, "NEXT", result);
  CHECK(result.verdict == BodyDecoder::Verdict::kComplete);
  CHECK_EQ(result.rest, "NEXT");
  decoder.Reset(BodyKind::kUntilClose, 0);
  Feed(decoder, "all of it", result);
  CHECK(result.verdict == BodyDecoder::Verdict::kNeedMore);
  CHECK_EQ(result.data, "all of it");
  CHECK_FALSE(decoder.complete());
}

TEST_CASE("the data is handed out as views of the input, not as copies") {
  const std::string body = "5\r\nhello\r\n0\r\n\r\n";
  std::string_view input = body;
  BodyDecoder decoder;
  decoder.Reset(BodyKind::kChunked, 0);
  const BodyDecoder::Step step = decoder.Next(input);
  REQUIRE(step.verdict == BodyDecoder::Verdict::kData);
  CHECK(step.data.data() == body.data() + 3);
}

TEST_CASE("a body that was refused stays refused") {
  BodyDecoder decoder;
  Decoded result;
  decoder.Reset(BodyKind::kChunked, 0);
  Feed(decoder, "x", result);
  CHECK(result.verdict == BodyDecoder::Verdict::kRefuse);
  Feed(decoder, "5\r\nhello\r\n0\r\n\r\n", result);
  CHECK(result.verdict == BodyDecoder::Verdict::kRefuse);
}

}  // namespace sheaf::wire
