#include "batching/frame_cache.h"

#include <doctest/doctest.h>

#include <array>

#include "proxy/wire/ws_frame.h"

namespace sheaf::batching {
namespace {

using wire::Opcode;

struct Fixture {
  WorkerMetrics metrics;
  MessageStore store;
  FrameCache cache{wire::DeflateSettings{}, 64, metrics};

  std::vector<MessageRef> Texts(std::initializer_list<std::string> texts) {
    std::vector<MessageRef> messages;
    for (const std::string& text : texts) messages.push_back(store.Intern(Opcode::kText, text));
    return messages;
  }
  uint64_t encodings() const { return metrics.encodings_total.value(); }
  uint64_t shared() const { return metrics.encodings_shared_total.value(); }
};

const FrameRecipe kJson{.encoder = &EncoderFor(Envelope::kJson), .window_bits = 0};
const FrameRecipe kJsonDeflated{.encoder = &EncoderFor(Envelope::kJson), .window_bits = 15};

std::string Json(size_t size) {
  return "\"" + std::string(size - 2, 'x') + "\"";
}

struct Received {
  Opcode opcode;
  bool compressed;
  std::string payload;
};

// As a client that negotiated deflate receives it.
Received Receive(const CachedFrame& frame, uint8_t window_bits) {
  const wire::FrameLimits limits;
  wire::FrameDecoder decoder(wire::FrameSource::kServer, limits, true);
  std::vector<uint8_t> bytes(frame.bytes.begin(), frame.bytes.end());
  std::span<uint8_t> input = bytes;
  const wire::FramePiece piece = decoder.Next(input);
  REQUIRE(piece.kind == wire::FramePiece::Kind::kData);
  REQUIRE(piece.last);
  CHECK(input.empty());
  CHECK_EQ(piece.payload.size(), frame.payload().size());
  if (!piece.compressed) return {piece.opcode, false, std::string(piece.payload.begin(), piece.payload.end())};
  wire::Inflater inflater(window_bits);
  std::string payload;
  std::span<const uint8_t> rest = piece.payload;
  for (auto verdict = wire::Inflater::Verdict::kOutputFull; verdict == wire::Inflater::Verdict::kOutputFull;) {
    std::array<uint8_t, 1000> room;
    size_t produced = 0;
    verdict = inflater.Step(rest, true, room, produced);
    REQUIRE(verdict != wire::Inflater::Verdict::kError);
    payload.append(reinterpret_cast<const char*>(room.data()), produced);
  }
  return {piece.opcode, true, payload};
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a batch for a thousand sessions is encoded once and compressed once") {
  const auto messages = Texts({Json(200), R"({"a":1})"});
  const std::string expected = R"({"type":"batch","batch_size":2,"messages":[)" + Json(200) + R"(,{"a":1}]})";
  for (int i = 0; i < 1000; ++i) {
    const Received received = Receive(cache.Get(kJsonDeflated, messages), 15);
    CHECK_EQ(received.payload, expected);
    CHECK(received.compressed);
  }
  CHECK_EQ(encodings(), 1);
  CHECK_EQ(shared(), 999);
  CHECK_EQ(metrics.deflate_messages_total.value(), 1);
  CHECK_EQ(metrics.deflate_input_bytes_total.value(), expected.size());
  CHECK_EQ(metrics.deflate_output_bytes_total.value(), cache.Get(kJsonDeflated, messages).payload().size());
}

TEST_CASE_FIXTURE(Fixture, "sessions that intern the same broadcast share its frame") {
  for (int i = 0; i < 1000; ++i) cache.Get(kJson, Texts({"1", "2"}));
  CHECK_EQ(encodings(), 1);
  CHECK_EQ(shared(), 999);
}

TEST_CASE_FIXTURE(Fixture, "other messages, another order, another number or another recipe is another frame") {
  const FrameRecipe binary{.encoder = &EncoderFor(Envelope::kBinary), .window_bits = 0};
  const FrameRecipe narrow{.encoder = &EncoderFor(Envelope::kJson), .window_bits = 10};
  const std::string a = Json(100);
  const std::string b = Json(101);
  const std::string plain = cache.Get(kJson, Texts({a, b})).bytes;
  CHECK_EQ(cache.Get(kJson, Texts({b, a})).payload(),
           R"({"type":"batch","batch_size":2,"messages":[)" + b + "," + a + "]}");
  CHECK_NE(cache.Get(kJson, Texts({a, b, a})).bytes, plain);
  CHECK_NE(cache.Get(kJson, Texts({a, a})).bytes, plain);
  CHECK_NE(cache.Get(binary, Texts({a, b})).bytes, plain);
  CHECK(Receive(cache.Get(narrow, Texts({a, b})), 10).compressed);
  CHECK(Receive(cache.Get(kJsonDeflated, Texts({a, b})), 15).compressed);
  CHECK_EQ(encodings(), 7);
  CHECK_EQ(shared(), 0);
  CHECK_EQ(cache.Get(kJson, Texts({a, b})).bytes, plain);
  CHECK_EQ(shared(), 1);
}

TEST_CASE_FIXTURE(Fixture, "without an encoder the frame is the message's own") {
  const CachedFrame& text = cache.Get({}, Texts({"hello"}));
  CHECK_EQ(text.bytes, "\x81\x05hello");
  CHECK_EQ(text.header_size, 2);
  CHECK(text.opcode == Opcode::kText);
  const std::vector<MessageRef> binary = {store.Intern(Opcode::kBinary, std::string(200, 'b'))};
  const Received received = Receive(cache.Get({.window_bits = 15}, binary), 15);
  CHECK(received.compressed);
  CHECK(received.opcode == Opcode::kBinary);
  CHECK_EQ(received.payload, std::string(200, 'b'));
  CHECK_EQ(cache.Get({}, Texts({""})).bytes, std::string_view("\x81\x00", 2));
}

TEST_CASE_FIXTURE(Fixture, "a payload under the threshold is not compressed, one at it is") {
  CHECK_FALSE(Receive(cache.Get({.window_bits = 15}, Texts({std::string(63, 'x')})), 15).compressed);
  CHECK(Receive(cache.Get({.window_bits = 15}, Texts({std::string(64, 'x')})), 15).compressed);
  CHECK_EQ(metrics.deflate_messages_total.value(), 1);
}

TEST_CASE_FIXTURE(Fixture, "what compression does not make smaller goes as it is") {
  std::string noise;
  for (uint32_t i = 0, state = 1; i < 300; ++i) {
    state = state * 1664525 + 1013904223;
    noise += static_cast<char>(state >> 24);
  }
  const std::vector<MessageRef> messages = {store.Intern(Opcode::kBinary, noise)};
  const Received received = Receive(cache.Get({.window_bits = 15}, messages), 15);
  CHECK_FALSE(received.compressed);
  CHECK_EQ(received.payload, noise);
  CHECK_EQ(metrics.deflate_messages_total.value(), 0);
  CHECK_EQ(metrics.deflate_input_bytes_total.value(), 0);
}

TEST_CASE_FIXTURE(Fixture, "each compressed frame stands alone: none needs one that was compressed before it") {
  const std::string first = R"({"symbol":"AAPL","price":123.45,"change":-0.12,"volume":12345,"exchange":"NASDAQ"})";
  cache.Get({.window_bits = 15}, Texts({first}));
  CHECK_EQ(Receive(cache.Get({.window_bits = 15}, Texts({first + " "})), 15).payload, first + " ");
}

TEST_CASE_FIXTURE(Fixture,
                  "a frame is forgotten when nobody asked for it for a whole period, and so are its messages") {
  cache.Get(kJson, Texts({"1", "2"}));
  cache.Get(kJson, Texts({"3", "4"}));
  cache.Expire();
  CHECK_EQ(cache.frames(), 2);
  cache.Get(kJson, Texts({"1", "2"}));
  cache.Expire();
  CHECK_EQ(cache.frames(), 1);
  cache.Get(kJson, Texts({"1", "2"}));
  CHECK_EQ(encodings(), 2);
  cache.Expire();
  cache.Expire();
  CHECK_EQ(cache.frames(), 0);
  CHECK_EQ(cache.bytes(), 0);
}

TEST_CASE_FIXTURE(Fixture, "a new message at the address of an old one does not get the old one's frame") {
  for (int i = 0; i < 50; ++i) {
    const std::string text = std::to_string(1000 + i);
    CHECK_EQ(cache.Get({}, Texts({text})).payload(), text);
    // The store forgets at once, and hands the same memory out again.
    store.Expire();
    store.Expire();
  }
}

TEST_CASE_FIXTURE(Fixture, "more frames than there are places: those in use stay, all are right") {
  const std::string hot = cache.Get(kJson, Texts({"1", "2"})).bytes;
  for (int i = 0; i < 5000; ++i) {
    const std::string text = std::to_string(10000 + i);
    CHECK_EQ(cache.Get({}, Texts({text})).payload(), text);
    CHECK_EQ(cache.Get(kJson, Texts({"1", "2"})).bytes, hot);
  }
  CHECK_EQ(encodings(), 5001);
  CHECK_EQ(shared(), 5000);
  CHECK_LE(cache.frames(), 1024);
  CHECK_GT(cache.frames(), 900);
}

TEST_CASE_FIXTURE(Fixture, "the bytes that are kept are bounded, and a frame that is too large is made but not kept") {
  for (int i = 0; i < 100; ++i) {
    const std::string text = std::to_string(1000 + i) + std::string(1024 * 1024, 'x');
    CHECK_EQ(cache.Get({}, Texts({text})).payload(), text);
    CHECK_LE(cache.bytes(), FrameCache::kMaxBytes);
  }
  CHECK_GE(cache.frames(), 7);
  const size_t before = cache.bytes();
  const std::string large(FrameCache::kMaxBytes / 4 + 1, 'x');
  const auto messages = Texts({large});
  CHECK_EQ(cache.Get({}, messages).payload(), large);
  CHECK_EQ(cache.Get({}, messages).payload(), large);
  CHECK_EQ(encodings(), 102);
  CHECK_EQ(cache.bytes(), before);
}

TEST_CASE_FIXTURE(Fixture, "A trim forgets all frames and compressors, and what comes after it is made anew") {
  const auto messages = Texts({Json(500), Json(500)});
  cache.Get(kJsonDeflated, messages);
  // A compressor with a window of 2^15 bytes takes a quarter of a megabyte.
  CHECK(cache.Trim() > 256 * 1024);
  CHECK(cache.frames() == 0);
  CHECK(cache.bytes() == 0);
  cache.Get(kJsonDeflated, messages);
  CHECK(encodings() == 2);
}

}  // namespace sheaf::batching
