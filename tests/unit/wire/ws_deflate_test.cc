// Compressing and inflating messages.
#include "proxy/wire/ws_deflate.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <initializer_list>
#include <random>
#include <string>
#include <vector>

#include "proxy/base/bytes.h"

namespace sheaf::wire {
namespace {

using std::string_literals::operator""s;

std::string Compressed(Deflater& deflater, std::string_view message) {
  std::string out;
  REQUIRE(deflater.Compress(AsBytes(message), true, out));
  return out;
}

std::string Compressed(std::string_view message) {
  Deflater deflater(15, {.level = 6, .memory_level = 8});
  return Compressed(deflater, message);
}

struct Inflated {
  std::string text;
  bool valid = true;
  bool operator==(const Inflated&) const = default;
};

doctest::String toString(const Inflated& inflated) {
  return ((inflated.valid ? "" : "not valid after ") + std::to_string(inflated.text.size()) +
          " bytes: " + inflated.text.substr(0, 60))
      .c_str();
}

// Inflates a message that comes in parts of `part` bytes into rooms of `room` bytes, and checks what Step promises.
Inflated InflateInParts(Inflater& inflater, std::string_view message, size_t part, size_t room) {
  Inflated result;
  Inflater::Verdict verdict = Inflater::Verdict::kNeedInput;
  do {
    // Blocks of their own, so that a sanitizer sees what goes past them.
    const std::vector<uint8_t> bytes(message.begin(),
                                     message.begin() + static_cast<ptrdiff_t>(std::min(part, message.size())));
    message.remove_prefix(bytes.size());
    std::span<const uint8_t> input = bytes;
    do {
      std::vector<uint8_t> output(room);
      size_t produced = 0;
      verdict = inflater.Step(input, message.empty(), output, produced);
      REQUIRE(produced <= room);
      result.text.append(output.begin(), output.begin() + static_cast<ptrdiff_t>(produced));
      if (verdict == Inflater::Verdict::kOutputFull) REQUIRE_EQ(produced, room);
      if (verdict == Inflater::Verdict::kNeedInput) REQUIRE(input.empty());
    } while (verdict == Inflater::Verdict::kOutputFull);
  } while (!message.empty() && verdict == Inflater::Verdict::kNeedInput);
  result.valid = verdict != Inflater::Verdict::kError;
  return result;
}

Inflated Inflate(Inflater& inflater, std::string_view message) {
  return InflateInParts(inflater, message, 1 << 20, 1 << 16);
}

Inflated Inflate(std::string_view message) {
  Inflater inflater(15);
  return Inflate(inflater, message);
}

Inflated Valid(std::string text) {
  return {std::move(text), true};
}

std::string Noise(size_t size) {
  std::mt19937 random(7);
  std::string text;
  while (text.size() < size) text.push_back(static_cast<char>(random()));
  return text;
}

std::string Prices(size_t count) {
  std::string text = "[";
  for (size_t i = 0; i < count; ++i) text += R"({"symbol":"S)" + std::to_string(i * 7919 % 1000) + R"(","price":1.5},)";
  return text + "0]";
}

std::vector<std::string> Messages() {
  return {"",
          "a",
          "Hello",
          std::string(100, 'x'),
          Prices(3),
          Prices(3000),
          Noise(10),
          Noise(70'000),
          std::string(300'000, '\0'),
          Noise(40'000) + Prices(100),
          std::string(64 * 1024, 'y'),
          Prices(10) + Noise(64 * 1024)};
}

// A block of its own with BFINAL set that holds "Hello", compressed with the fixed codes (RFC 7692 7.2.3.4).
const std::string kFinalHello = "\xF3\x48\xCD\xC9\xC9\x07\x00"s;

}  // namespace

TEST_CASE("the examples of RFC 7692 7.2.3 inflate to what it says") {
  CHECK_EQ(Inflate("\xF2\x48\xCD\xC9\xC9\x07\x00"s), Valid("Hello"));
  CHECK_EQ(Inflate("\x00\x05\x00\xFA\xFF\x48\x65\x6C\x6C\x6F\x00"s), Valid("Hello"));
  CHECK_EQ(Inflate("\xF3\x48\xCD\xC9\xC9\x07\x00\x00"s), Valid("Hello"));
  CHECK_EQ(Inflate("\xF2\x48\x05\x00\x00\x00\xFF\xFF\xCA\xC9\xC9\x07\x00"s), Valid("Hello"));
  CHECK_EQ(Inflate("\x00"s), Valid(""));

  Inflater inflater(15);
  CHECK_EQ(Inflate(inflater, "\xF2\x48\xCD\xC9\xC9\x07\x00"s), Valid("Hello"));
  CHECK_EQ(Inflate(inflater, "\xF2\x00\x11\x00\x00"s), Valid("Hello"));  // refers to the message before
}

TEST_CASE("what we compress is what the RFC's examples show, also with the window shared") {
  Deflater deflater(15, {.level = 6, .memory_level = 8});
  CHECK_EQ(Compressed(deflater, "Hello"), "\xF2\x48\xCD\xC9\xC9\x07\x00"s);
  CHECK_EQ(Compressed(deflater, "Hello"), "\xF2\x00\x11\x00\x00"s);
  deflater.Reset();
  CHECK_EQ(Compressed(deflater, "Hello"), "\xF2\x48\xCD\xC9\xC9\x07\x00"s);
}

TEST_CASE("an empty message is one byte, at the beginning, behind another and behind itself") {
  Deflater deflater(15, {.level = 6, .memory_level = 8});
  Inflater inflater(15);
  for (const std::string message : {"", "", "Hello", "", "", "Hello"}) {
    const std::string compressed = Compressed(deflater, message);
    if (message.empty()) CHECK_EQ(compressed, "\0"s);
    CHECK_EQ(Inflate(inflater, compressed), Valid(message));
  }
}

TEST_CASE("messages come back as they were, with takeover and without, at every window and level") {
  for (const uint8_t window_bits : std::initializer_list<uint8_t>{9, 12, 15}) {
    for (const uint8_t level : std::initializer_list<uint8_t>{1, 6, 9}) {
      for (const bool takeover : {false, true}) {
        CAPTURE(window_bits);
        CAPTURE(level);
        CAPTURE(takeover);
        Deflater deflater(window_bits,
                          {.level = level, .memory_level = static_cast<uint8_t>(window_bits == 9 ? 1 : 8)});
        Inflater inflater(window_bits);
        for (const std::string& message : Messages()) {
          if (!takeover) {
            deflater.Reset();
            inflater.Reset();
          }
          REQUIRE_EQ(Inflate(inflater, Compressed(deflater, message)), Valid(message));
        }
      }
    }
  }
}

TEST_CASE("the output is appended, without the tail of the flush, and is little more than noise itself") {
  Deflater deflater(15, {.level = 1, .memory_level = 8});
  std::string out = "kept";
  const std::string noise = Noise(200'000);
  REQUIRE(deflater.Compress(AsBytes(noise), true, out));
  CHECK(out.starts_with("kept"));
  CHECK_FALSE(out.ends_with("\x00\x00\xFF\xFF"s));
  CHECK(out.size() < noise.size() + noise.size() / 500);
  CHECK_EQ(Inflate(out.substr(4)), Valid(noise));
}

TEST_CASE("a message may be compressed in pieces, empty ones too") {
  for (const size_t piece : {1U, 7U, 1000U, 70'000U}) {
    CAPTURE(piece);
    Deflater deflater(15, {.level = 1, .memory_level = 8});
    Inflater inflater(15);
    for (const std::string& message : {Prices(2000), ""s, Prices(2000)}) {
      std::string out;
      for (size_t begin = 0; begin < message.size(); begin += piece) {
        REQUIRE(deflater.Compress(AsBytes(std::string_view(message).substr(begin, piece)), false, out));
        REQUIRE(deflater.Compress({}, false, out));
      }
      REQUIRE(deflater.Compress({}, true, out));
      CHECK_EQ(Inflate(inflater, out), Valid(message));
    }
  }
}

TEST_CASE("without takeover a message's compressed form depends on nothing before it") {
  Deflater deflater(15, {.level = 1, .memory_level = 8});
  const std::string first = Compressed(deflater, Prices(20));
  Compressed(deflater, Noise(5000));
  deflater.Reset();
  CHECK_EQ(Compressed(deflater, Prices(20)), first);
  CHECK(Compressed(deflater, Prices(20)).size() < first.size() / 2);  // with it, it does
}

TEST_CASE("a message inflates to the same however it is cut and however small the room") {
  const std::string text = Prices(60) + Noise(500) + std::string(900, 'x');
  const std::string compressed = Compressed(text);
  for (const size_t part : {1U, 2U, 13U, 100'000U}) {
    for (const size_t room : {1U, 2U, 257U, 300U, 100'000U}) {
      CAPTURE(part);
      CAPTURE(room);
      Inflater inflater(15);
      REQUIRE_EQ(InflateInParts(inflater, compressed, part, room), Valid(text));
      REQUIRE_EQ(InflateInParts(inflater, compressed, part, room), Valid(text));
    }
  }
}

TEST_CASE("a message that fills the room exactly is complete, and no room at all tells whether there is more") {
  const std::string text = Prices(40);
  const std::string compressed = Compressed(text);
  for (const size_t missing : {0U, 1U}) {
    Inflater inflater(15);
    std::span<const uint8_t> input = AsBytes(compressed);
    std::vector<uint8_t> room(text.size() - missing);
    size_t produced = 0;
    const auto expected = missing == 0 ? Inflater::Verdict::kNeedInput : Inflater::Verdict::kOutputFull;
    CHECK(inflater.Step(input, true, room, produced) == expected);
    CHECK_EQ(produced, room.size());
    CHECK(inflater.Step(input, true, {}, produced) == expected);
    CHECK_EQ(produced, 0);
  }
}

TEST_CASE("the last byte may be known to be the last only afterwards") {
  Inflater inflater(15);
  const std::string compressed = Compressed("Hello");
  for (int i = 0; i < 3; ++i) {
    std::vector<uint8_t> room(100);
    size_t produced = 0;
    std::span<const uint8_t> input = AsBytes(compressed);
    CHECK(inflater.Step(input, false, room, produced) == Inflater::Verdict::kNeedInput);
    CHECK_EQ(produced, 5);
    CHECK(inflater.Step(input, true, room, produced) == Inflater::Verdict::kNeedInput);
    CHECK_EQ(produced, 0);
  }
}

TEST_CASE("blocks marked as final may stand anywhere in a message, and the window lives on behind them") {
  const std::string hello = Compressed("Hello");
  CHECK_EQ(Inflate(kFinalHello + hello), Valid("HelloHello"));
  CHECK_EQ(Inflate(kFinalHello + kFinalHello + "\x00"s), Valid("HelloHello"));
  CHECK_EQ(Inflate(kFinalHello), Valid("Hello"));  // the byte behind it is the sender's duty, but nothing is missing

  Inflater inflater(15);
  CHECK_EQ(Inflate(inflater, kFinalHello + "\x00"s), Valid("Hello"));
  CHECK_EQ(Inflate(inflater, kFinalHello), Valid("Hello"));
  CHECK_EQ(Inflate(inflater, hello), Valid("Hello"));
  CHECK_EQ(Inflate(inflater, kFinalHello + "\xF2\x00\x11\x00\x00"s), Valid("HelloHello"));
  for (const size_t room : {1U, 5U, 10U}) {
    Inflater small(15);
    CHECK_EQ(InflateInParts(small, kFinalHello + hello, 1, room), Valid("HelloHello"));
  }
}

TEST_CASE("a compressed message of no bytes is empty and harms no later one") {
  Inflater inflater(15);
  CHECK_EQ(Inflate(inflater, ""), Valid(""));
  CHECK_EQ(Inflate(inflater, Compressed("Hello")), Valid("Hello"));
  CHECK_EQ(Inflate(inflater, ""), Valid(""));
  CHECK_EQ(Inflate(inflater, "\xF2\x00\x11\x00\x00"s), Valid("Hello"));
}

TEST_CASE("a bomb gives no more than the room, and takes no more input than that needs") {
  std::string bomb = Compressed(std::string(10'000'000, '\0'));
  REQUIRE(bomb.size() < 11'000);
  Inflater inflater(15);
  std::span<const uint8_t> input = AsBytes(bomb);
  std::vector<uint8_t> room(1000, 'r');
  size_t produced = 0;
  for (int i = 0; i < 10; ++i) {
    CHECK(inflater.Step(input, true, std::span(room).first(900), produced) == Inflater::Verdict::kOutputFull);
    CHECK_EQ(produced, 900);
    CHECK_EQ(room[900], 'r');
  }
  CHECK(input.size() > bomb.size() - 100);
}

TEST_CASE("what is not deflate is an error, and the inflater can begin anew after it") {
  Inflater inflater(15);
  for (const std::string& corrupt : {
           "\x07"s,                                              // block type 3
           "\x00\x05\x00\xFB\xFF"s,                              // a stored block whose lengths do not match
           "\xF2\x00\x11\x00\x00"s,                              // refers to what was never sent
           "\xFF\xFF\xFF\xFF\xFF\xFF"s,                          // noise
           "\x05\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"s,  // dynamic codes that are incomplete
       }) {
    CHECK_FALSE(Inflate(inflater, corrupt).valid);
    inflater.Reset();
    CHECK_EQ(Inflate(inflater, Compressed("Hello")), Valid("Hello"));
    inflater.Reset();
  }
}

TEST_CASE("a message that is cut off anywhere is an error") {
  const std::string whole = Compressed(Prices(30));
  for (size_t size = 1; size < whole.size(); ++size) {
    CAPTURE(size);
    REQUIRE_FALSE(Inflate(std::string_view(whole).substr(0, size)).valid);
  }
  CHECK(Inflate(whole).valid);
}

TEST_CASE("a message that still has the tail, or anything behind its end, is an error") {
  CHECK_FALSE(Inflate(Compressed("Hello") + "\x00\x00\xFF\xFF"s).valid);
  CHECK_FALSE(Inflate(Compressed("Hello") + "\x00"s).valid);
}

TEST_CASE("whatever bit is flipped, the message after a Reset is whole") {
  const std::string text = Prices(30);
  const std::string whole = Compressed(text);
  Inflater inflater(15);
  for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
    CAPTURE(bit);
    std::string broken = whole;
    broken[bit / 8] = static_cast<char>(broken[bit / 8] ^ 1 << bit % 8);
    Inflate(inflater, broken);
    inflater.Reset();
    REQUIRE_EQ(Inflate(inflater, whole), Valid(text));
    inflater.Reset();
  }
}

TEST_CASE("a window that is smaller than what the sender used is an error, not a wrong text") {
  const std::string far = Noise(600) + Noise(8000).substr(600) + Noise(600);
  Inflater small(9);
  CHECK_FALSE(InflateInParts(small, Compressed(far), 64, 64).valid);
  CHECK_EQ(Inflate(Compressed(far)), Valid(far));
}

TEST_CASE("a window of 8 bits is inflated with 9, which senders use in its place") {
  const std::string text = Noise(300) + Noise(300);  // refers 300 bytes back: more than 2^8
  Inflater inflater(8);
  CHECK_EQ(InflateInParts(inflater, Compressed(text), 16, 16), Valid(text));
}

TEST_CASE("both can be moved in the middle of a message") {
  const std::string text = Prices(100);
  Deflater deflater(15, {.level = 1, .memory_level = 8});
  std::string compressed;
  REQUIRE(deflater.Compress(AsBytes(text).first(1000), false, compressed));
  Deflater moved = std::move(deflater);
  REQUIRE(moved.Compress(AsBytes(text).subspan(1000), true, compressed));

  Inflater inflater(15);
  std::vector<uint8_t> room(text.size());
  size_t first = 0;
  size_t rest = 0;
  std::span<const uint8_t> input = AsBytes(compressed).first(100);
  CHECK(inflater.Step(input, false, room, first) == Inflater::Verdict::kNeedInput);
  Inflater taken = std::move(inflater);
  input = AsBytes(compressed).subspan(100);
  CHECK(taken.Step(input, true, std::span(room).subspan(first), rest) == Inflater::Verdict::kNeedInput);
  CHECK_EQ(std::string(room.begin(), room.end()), text);
}

}  // namespace sheaf::wire
