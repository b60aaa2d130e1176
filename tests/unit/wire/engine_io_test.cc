// Engine.IO's requests as clients make them, and answers as servers gave them, cut at every byte.
#include "proxy/wire/engine_io.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace sheaf::wire {
namespace {

using namespace std::string_literals;
using std::chrono::milliseconds;
using Transport = EngineIoRequest::Transport;
using Verdict = HandshakeReader::Verdict;

struct Answer {
  std::string server;
  std::string body;
  std::string sid;
  milliseconds lifetime;
};

const std::vector<Answer> kAnswers = {
    {"python-socketio 5.18",
     R"(0{"sid":"9rHOb7c5zPIsI-MFAAAA","upgrades":["websocket"],"pingTimeout":20000,"pingInterval":25000,"maxPayload":1000000})",
     "9rHOb7c5zPIsI-MFAAAA", milliseconds(45'000)},
    {"python-socketio 5.18, JSONP",
     R"(___eio[0]("0{\"sid\":\"h2QM8X42qcNmtxp2AAAB\",\"upgrades\":[\"websocket\"],\"pingTimeout\":20000,\"pingInterval\":25000,\"maxPayload\":1000000}");)",
     "h2QM8X42qcNmtxp2AAAB", milliseconds(45'000)},
    {"python-socketio 4.6, base64",
     R"(109:0{"sid":"22a81f5c2013457683270ba47c65c337","upgrades":["websocket"],"pingTimeout":60000,"pingInterval":25000}2:40)",
     "22a81f5c2013457683270ba47c65c337", milliseconds(85'000)},
    {"python-socketio 4.6, binary",
     "\x00\x01\x00\t\xff"s
     R"(0{"sid":"fd253836dd534299b23c30fe7b803426","upgrades":["websocket"],"pingTimeout":60000,"pingInterval":25000})"
     "\x00\x02\xff"s
     "40",
     "fd253836dd534299b23c30fe7b803426", milliseconds(85'000)},
    {"engine.io 6",
     R"(0{"sid":"PrCjYu3uaBL_cvwCAAAD","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000})",
     "PrCjYu3uaBL_cvwCAAAD", milliseconds(45'000)},
    {"engine.io 6, JSONP",
     R"(___eio[7]("0{\"sid\":\"kDjC69jNHSAAuabGAAAE\",\"upgrades\":[\"websocket\"],\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}");)",
     "kDjC69jNHSAAuabGAAAE", milliseconds(45'000)},
    {"engine.io 6, protocol 3",
     R"(118:0{"sid":"VcoRpGoIC8B14H9mAAAA","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000})",
     "VcoRpGoIC8B14H9mAAAA", milliseconds(45'000)},
    {"engine.io 6, protocol 3, JSONP",
     R"(___eio[0]("118:0{\"sid\":\"utDdKANTEMwiv_eoAAAC\",\"upgrades\":[\"websocket\"],\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}");)",
     "utDdKANTEMwiv_eoAAAC", milliseconds(45'000)},
    {"engine.io 3.6",
     R"(97:0{"sid":"0tu3Hfx8tiKys8VsAAAA","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000})",
     "0tu3Hfx8tiKys8VsAAAA", milliseconds(45'000)},
    {"engine.io 3.6, with a binary packet",
     "\x00\t\x07\xff"s
     R"(0{"sid":"0tu3Hfx8tiKys8VsAAAA","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000})"
     "\x01\x03\xff\x04\x01\x02"s,
     "0tu3Hfx8tiKys8VsAAAA", milliseconds(45'000)},
    // Not recorded, but allowed: a packet behind it, white space, nested values, times that are left out or have a
    // fraction.
    {"with a packet behind", "0{\"sid\":\"a\",\"pingInterval\":1000,\"pingTimeout\":500}\x1e"s + "40{\"sid\":\"b\"}",
     "a", milliseconds(1500)},
    {"with white space", "0{ \"sid\" :\t\"a\" ,\r\n\"pingInterval\" : 1000 , \"pingTimeout\" : 500 }", "a",
     milliseconds(1500)},
    {"nested", R"(0{"x":{"sid":"no","y":["}",{"sid":"\"}"}]},"sid":"a","z":[[]],"n":null,"t":true})", "a",
     milliseconds(45'000)},
    {"fraction", R"(0{"sid":"a","pingInterval":1000.5,"pingTimeout":1e3})", "a", milliseconds(2000)},
    {"only one time", R"(0{"sid":"a","pingInterval":1000})", "a", milliseconds(21'000)},
    {"twice", R"(0{"sid":"a","sid":"b"})", "b", milliseconds(45'000)},
    {"not ASCII", "0{\"sid\":\"\xC3\xA9\"}", "\xC3\xA9", milliseconds(45'000)},
    {"JSONP with other escapes", R"(___eio[]("0{\x22sid\u0022:\"\u00e9\u20ac\"}\u001e40");)", "\xC3\xA9\xE2\x82\xAC",
     milliseconds(45'000)},
};

struct Outcome {
  Verdict verdict;
  std::string sid;
  milliseconds lifetime;
};

// Reads `body` in pieces of `size`, the first one of `first`.
Outcome ReadInPieces(std::string_view body, size_t first, size_t size) {
  HandshakeReader reader;
  reader.Begin(200, "");
  for (size_t next = first; !body.empty(); next = size) {
    reader.Read(body.substr(0, next));
    body.remove_prefix(std::min(next, body.size()));
  }
  const Verdict verdict = reader.End();
  return {verdict, reader.sid(), reader.lifetime()};
}

Verdict ReadWhole(std::string_view body) {
  return ReadInPieces(body, body.size(), body.size()).verdict;
}

}  // namespace

TEST_CASE("every server's answer tells its sid and its times, however it is cut") {
  for (const Answer& answer : kAnswers) {
    CAPTURE(answer.server);
    std::vector<Outcome> outcomes = {ReadInPieces(answer.body, answer.body.size(), 1), ReadInPieces(answer.body, 1, 1)};
    for (size_t cut = 1; cut < answer.body.size(); ++cut) {
      outcomes.push_back(ReadInPieces(answer.body, cut, answer.body.size()));
    }
    for (const Outcome& outcome : outcomes) {
      REQUIRE(outcome.verdict == Verdict::kFound);
      CHECK_EQ(outcome.sid, answer.sid);
      CHECK(outcome.lifetime == answer.lifetime);
    }
  }
}

TEST_CASE("the verdict comes with the last byte of the packet, before that of the body") {
  const std::string& body = kAnswers[2].body;
  const size_t end = body.find('}') + 1;
  HandshakeReader reader;
  reader.Begin(200, "");
  for (size_t i = 0; i + 1 < end; ++i) REQUIRE(reader.Read(body.substr(i, 1)) == Verdict::kNeedMore);
  CHECK(reader.Read(body.substr(end - 1, 1)) == Verdict::kFound);
  CHECK(reader.Read("anything") == Verdict::kFound);
  CHECK_EQ(reader.sid(), kAnswers[2].sid);
}

TEST_CASE("an answer that ends early begins no session, wherever it ends") {
  for (const Answer& answer : kAnswers) {
    CAPTURE(answer.server);
    // No object ends before the outermost one, but for the nested ones.
    const size_t end = answer.body.find(answer.server == "nested" ? "true}" : "}");
    for (size_t size = 0; size < end; ++size) CHECK(ReadWhole(answer.body.substr(0, size)) == Verdict::kNone);
  }
}

TEST_CASE("what is no handshake is told as such") {
  for (const std::string& body : {
           ""s,
           "6"s,  // a poll's answer: NOOP
           "2\x1e"
           "4hello"s,             // PING and a message
           "ok"s,                 // a POST's
           "40{\"sid\":\"a\"}"s,  // Socket.IO's CONNECT has a sid of its own
           "4{\"sid\":\"a\"}"s,
           "{\"sid\":\"a\"}"s,
           " 0{\"sid\":\"a\"}"s,
           "0"s,
           "0[\"sid\",\"a\"]"s,
           "0{}"s,
           "0{\"sid\":\"\"}"s,
           "0{\"sid\":7}"s,
           "0{\"sid\":null}"s,
           "0{\"SID\":\"a\"}"s,
           "0{\"sid\":\"a\\u0062\"}"s,  // an escape
           "0{\"sid\":\"a\nb\"}"s,
           "0{\"sid\" \"a\"}"s,
           "0{\"sid\":\"a\";\"b\":1}"s,
           "0{\"sid\":\"a\"]"s,
           "0{\"sid\":,}"s,
           "0{sid:\"a\"}"s,
           ":0{\"sid\":\"a\"}"s,
           "12345678901:0{\"sid\":\"a\"}"s,
           "9-0{\"sid\":\"a\"}"s,
           "\x00\xff"
           "0{\"sid\":\"a\"}"s,
           "\x00\x0a\xff"
           "0{\"sid\":\"a\"}"s,
           "\x01\x09\xff"
           "0{\"sid\":\"a\"}"s,
           "___eio[0]('0{}')"s,
           "___eio[x](\"0{\\\"sid\\\":\\\"a\\\"}\");"s,
           "___eio[0](\"0{\\\"sid\\\":\\\"a\");"s,
           "___eio[0](\"0{\\\"sid\\\":\\\"\\q\\\"}\");"s,
           "___eio[0](\"0{\\\"sid\\\":\\\"\\ud83d\\ude00\\\"}\");"s,
           "___eio[0](\"0{\\\"sid\\\":\\\"a\\\\\"}\");"s,
           "<!DOCTYPE html><html>"s,
       }) {
    CAPTURE(body);
    CHECK(ReadWhole(body) == Verdict::kNone);
    CHECK(ReadInPieces(body, 1, 1).verdict == Verdict::kNone);
  }
}

TEST_CASE("what cannot become a handshake is known at its first wrong byte") {
  for (const std::string body : {"x", "<html>", "2", "{", "1x", "00", "0[", "__x", "___eio[0](0"}) {
    CAPTURE(body);
    HandshakeReader reader;
    reader.Begin(200, "");
    CHECK(reader.Read(body) == (body == "2" ? Verdict::kNeedMore : Verdict::kNone));
  }
}

TEST_CASE("only an answer of 200 that is not encoded is read") {
  const std::string& body = kAnswers[0].body;
  for (const int status : {101, 204, 206, 301, 400, 403, 500}) {
    HandshakeReader reader;
    CHECK(reader.Begin(status, "") == Verdict::kNone);
    CHECK(reader.Read(body) == Verdict::kNone);
  }
  for (const std::string coding : {"gzip", "deflate", "br", "identity, gzip", "GZIP"}) {
    HandshakeReader reader;
    CHECK(reader.Begin(200, coding) == Verdict::kEncoded);
    CHECK(reader.Read(body) == Verdict::kEncoded);
    CHECK(reader.End() == Verdict::kEncoded);
  }
  for (const std::string coding : {"identity", " Identity "}) {
    HandshakeReader reader;
    CHECK(reader.Begin(200, coding) == Verdict::kNeedMore);
    CHECK(reader.Read(body) == Verdict::kFound);
  }
}

TEST_CASE("no more than 4 KiB of a body are looked at") {
  const auto padded = [](size_t size) {
    const std::string end = "\",\"sid\":\"a\"}";
    return "0{\"x\":\"" + std::string(size - 7 - end.size(), ' ') + end;
  };
  CHECK(ReadWhole(padded(4096)) == Verdict::kFound);
  CHECK(ReadInPieces(padded(4096), 1, 1).verdict == Verdict::kFound);
  CHECK(ReadWhole(padded(4097)) == Verdict::kNone);
  CHECK(ReadInPieces(padded(4097), 100, 100).verdict == Verdict::kNone);

  HandshakeReader reader;
  reader.Begin(200, "");
  CHECK(reader.Read(padded(5000).substr(0, 4095)) == Verdict::kNeedMore);
  CHECK(reader.Read(" ") == Verdict::kNone);
}

TEST_CASE("a sid has at most 256 bytes, and times that no server means are bounded") {
  CHECK(ReadWhole("0{\"sid\":\"" + std::string(256, 'a') + "\"}") == Verdict::kFound);
  CHECK(ReadWhole("0{\"sid\":\"" + std::string(257, 'a') + "\"}") == Verdict::kNone);
  const auto lifetime = [](const std::string& times) {
    const std::string body = "0{\"sid\":\"a\"," + times + "}";
    return ReadInPieces(body, body.size(), 1).lifetime;
  };
  CHECK(lifetime(R"("pingInterval":1e300,"pingTimeout":9999999999999999999999)") == std::chrono::hours(48));
  CHECK(lifetime(R"("pingInterval":1e999,"pingTimeout":-1)") == milliseconds(45'000));
  CHECK(lifetime(R"("pingInterval":nan,"pingTimeout":"5")") == milliseconds(45'000));
  CHECK(lifetime(R"("pingInterval":0,"pingTimeout":0)") == milliseconds(0));
}

TEST_CASE("a request is Engine.IO's by its parameter EIO") {
  const auto handshake = ReadEngineIoRequest("/socket.io/?EIO=4&transport=polling&t=Pf3x");
  REQUIRE(handshake);
  CHECK(handshake->transport == Transport::kPolling);
  CHECK_EQ(handshake->version, 4);
  CHECK_FALSE(handshake->jsonp);
  CHECK_EQ(handshake->sid, "");

  const auto upgrade = ReadEngineIoRequest("/x?sid=a-_Z&transport=websocket&EIO=3");
  REQUIRE(upgrade);
  CHECK(upgrade->transport == Transport::kWebSocket);
  CHECK_EQ(upgrade->version, 3);
  CHECK_EQ(upgrade->sid, "a-_Z");

  const auto jsonp = ReadEngineIoRequest("/?EIO=4&transport=polling&j=0&sid=b");
  REQUIRE(jsonp);
  CHECK(jsonp->jsonp);
  CHECK(ReadEngineIoRequest("/?EIO=4&transport=webtransport")->transport == Transport::kOther);

  for (const char* target : {"/", "*", "/?", "/?transport=polling&sid=a", "/?eio=4&transport=polling", "/?EIO",
                             "/?EIO=&sid=a", "/EIO=4&transport=polling", "/?XEIO=4"}) {
    CAPTURE(target);
    CHECK_FALSE(ReadEngineIoRequest(target));
  }
}

// What python-engineio 4.15 answers to each, and what engine.io 3.6 and 6.6 do: "Invalid session a" and so on.
TEST_CASE("odd parameters mean what they mean to servers") {
  CHECK_EQ(ReadEngineIoRequest("/?EIO=4&sid=a&sid=b&transport=polling")->sid, "a");
  CHECK_EQ(ReadEngineIoRequest("/?EIO=4&sid=&sid=b&transport=polling")->sid, "b");
  CHECK_EQ(ReadEngineIoRequest("/?EIO=4&transport=polling&sid=%61b%zz+c")->sid, "ab%zz c");
  CHECK_EQ(ReadEngineIoRequest("/?%45IO=4&transport=polling&%73id=b")->sid, "b");
  CHECK_EQ(ReadEngineIoRequest("/?EIO=4&sid")->sid, "");
  CHECK_EQ(ReadEngineIoRequest("/?EIO=4&EIO=3&transport=polling")->version, 3);
  CHECK_EQ(ReadEngineIoRequest("/?EIO=4&EIO=4&transport=polling")->version, 3);
  CHECK_EQ(ReadEngineIoRequest("/?EIO=5")->version, 3);
  CHECK(ReadEngineIoRequest("/?EIO=4")->transport == Transport::kPolling);
  CHECK(ReadEngineIoRequest("/?EIO=4&transport=&transport=websocket")->transport == Transport::kWebSocket);
  CHECK(ReadEngineIoRequest("/?EIO=4&transport=polling;sid=q")->transport == Transport::kOther);
}

}  // namespace sheaf::wire
