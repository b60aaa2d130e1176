// What the golden vectors do not show: views, boundaries, and the frames Sheaf makes itself.
#include "proxy/wire/ws_frame.h"

#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <vector>

namespace sheaf::wire {
namespace {

using std::string_literals::operator""s;

constexpr uint8_t kKey[4] = {0x37, 0xFA, 0x21, 0x3D};

std::vector<uint8_t> Bytes(std::string_view text) {
  return {text.begin(), text.end()};
}

std::string Text(std::span<const uint8_t> bytes) {
  return {bytes.begin(), bytes.end()};
}

std::string Frame(Opcode opcode, std::string payload, bool fin = true, const uint8_t* mask = nullptr) {
  std::string frame;
  AppendFrameHeader(frame, opcode, fin, payload.size(), mask);
  if (mask != nullptr) {
    uint32_t key;
    std::memcpy(&key, mask, sizeof key);
    ApplyMask({reinterpret_cast<uint8_t*>(payload.data()), payload.size()}, key);
  }
  return frame + payload;
}

// The only piece in `frame`, which must be whole.
FramePiece Only(FrameSource source, std::vector<uint8_t>& frame) {
  static const FrameLimits limits;
  FrameDecoder decoder(source, limits);
  std::span<uint8_t> input = frame;
  const FramePiece piece = decoder.Next(input);
  CHECK(input.empty());
  CHECK(decoder.at_frame_boundary());
  return piece;
}

}  // namespace

TEST_CASE("a whole frame is handed on as the very bytes it came as, header and key included") {
  std::vector<uint8_t> bytes = Bytes(Frame(Opcode::kText, "hello", true, kKey));
  const std::vector<uint8_t> before = bytes;
  const FramePiece piece = Only(FrameSource::kClient, bytes);
  CHECK(piece.kind == FramePiece::Kind::kData);
  CHECK(piece.wire.data() == bytes.data());
  CHECK_EQ(piece.wire.size(), bytes.size());
  CHECK(piece.payload.data() == bytes.data() + 6);
  CHECK(bytes == before);
  CHECK(piece.first);
  CHECK(piece.last);
}

TEST_CASE("a frame longer than a read goes on in pieces, the key turned to each one's first byte") {
  const FrameLimits limits;
  FrameDecoder decoder(FrameSource::kClient, limits);
  const std::string frame = Frame(Opcode::kBinary, "0123456789", true, kKey);
  std::string message;
  for (size_t begin = 0; begin < frame.size(); begin += 3) {
    std::vector<uint8_t> read = Bytes(std::string_view(frame).substr(begin, 3));
    std::span<uint8_t> input = read;
    for (;;) {
      const FramePiece piece = decoder.Next(input);
      if (piece.kind == FramePiece::Kind::kNeedMore) break;
      REQUIRE(piece.kind == FramePiece::Kind::kData);
      std::vector<uint8_t> payload(piece.payload.begin(), piece.payload.end());
      ApplyMask(payload, piece.mask);
      message += Text(payload);
    }
  }
  CHECK_EQ(message, "0123456789");
}

TEST_CASE("boundaries are where a frame or a message of our own may go between") {
  const FrameLimits limits;
  FrameDecoder decoder(FrameSource::kServer, limits);
  const auto feed = [&decoder](std::string_view text) {
    std::vector<uint8_t> bytes = Bytes(text);
    std::span<uint8_t> input = bytes;
    while (decoder.Next(input).kind != FramePiece::Kind::kNeedMore) {
    }
  };
  CHECK(decoder.at_message_boundary());
  feed("\x01");
  CHECK_FALSE(decoder.at_frame_boundary());
  feed("\x02h");
  CHECK_FALSE(decoder.at_frame_boundary());
  feed("e");
  CHECK(decoder.at_frame_boundary());
  CHECK_FALSE(decoder.at_message_boundary());
  feed("\x89\x02p");
  CHECK_FALSE(decoder.at_frame_boundary());
  feed("p");
  CHECK(decoder.at_frame_boundary());
  CHECK_FALSE(decoder.at_message_boundary());
  feed("\x80\x01y");
  CHECK(decoder.at_message_boundary());
}

TEST_CASE("a control frame that is split over reads comes whole, and its views hold until the next call") {
  const FrameLimits limits;
  FrameDecoder decoder(FrameSource::kClient, limits);
  std::string frame;
  AppendControlFrame(frame, Opcode::kPing, "are you there", kKey);
  std::vector<uint8_t> first = Bytes(std::string_view(frame).substr(0, 9));
  std::span<uint8_t> input = first;
  CHECK(decoder.Next(input).kind == FramePiece::Kind::kNeedMore);
  first.assign(first.size(), 0);

  std::vector<uint8_t> second = Bytes(std::string_view(frame).substr(9));
  input = second;
  const FramePiece piece = decoder.Next(input);
  second.assign(second.size(), 0);
  CHECK(piece.kind == FramePiece::Kind::kPing);
  CHECK_EQ(Text(piece.payload), "are you there");
}

TEST_CASE("a decoder can be moved in the middle of a frame") {
  const FrameLimits limits;
  FrameDecoder decoder(FrameSource::kServer, limits);
  std::vector<uint8_t> first = Bytes("\x81\x05he");
  std::span<uint8_t> input = first;
  CHECK_EQ(Text(decoder.Next(input).payload), "he");
  FrameDecoder moved = std::move(decoder);
  std::vector<uint8_t> second = Bytes("llo");
  input = second;
  const FramePiece piece = moved.Next(input);
  CHECK_EQ(Text(piece.payload), "llo");
  CHECK(piece.last);
}

TEST_CASE("a header is written in the fewest bytes that can hold the length") {
  const auto header = [](uint64_t size, const uint8_t* mask = nullptr) {
    std::string out;
    AppendFrameHeader(out, Opcode::kBinary, true, size, mask);
    return out;
  };
  CHECK_EQ(header(0), "\x82\x00"s);
  CHECK_EQ(header(125), "\x82\x7D");
  CHECK_EQ(header(126), "\x82\x7E\x00\x7E"s);
  CHECK_EQ(header(65535), "\x82\x7E\xFF\xFF");
  CHECK_EQ(header(65536), "\x82\x7F\x00\x00\x00\x00\x00\x01\x00\x00"s);
  CHECK_EQ(header(0x0102030405060708), "\x82\x7F\x01\x02\x03\x04\x05\x06\x07\x08");
  CHECK_EQ(header(5, kKey), "\x82\x85\x37\xFA\x21\x3D");
  std::string out = "kept";
  AppendFrameHeader(out, Opcode::kText, false, 1);
  CHECK_EQ(out, "kept\x01\x01");
}

TEST_CASE("a header of a compressed message has RSV1 beside everything else") {
  std::string out;
  AppendFrameHeader(out, Opcode::kText, true, 5, nullptr, true);
  AppendFrameHeader(out, Opcode::kBinary, false, 126, kKey, true);
  CHECK_EQ(out, "\xC1\x05\x42\xFE\x00\x7E\x37\xFA\x21\x3D"s);
}

TEST_CASE("a control frame we make is one a decoder takes, masked or not") {
  for (const uint8_t* mask : {static_cast<const uint8_t*>(nullptr), kKey}) {
    std::string frame;
    AppendControlFrame(frame, Opcode::kPong, "beat", mask);
    std::vector<uint8_t> bytes = Bytes(frame);
    const FramePiece piece = Only(mask != nullptr ? FrameSource::kClient : FrameSource::kServer, bytes);
    CHECK(piece.kind == FramePiece::Kind::kPong);
    CHECK_EQ(Text(piece.payload), "beat");
  }
}

TEST_CASE("a Close we make carries its code and as much of the reason as fits, cut between characters") {
  const auto decoded = [](uint16_t code, std::string_view reason, const uint8_t* mask = nullptr) {
    std::string frame;
    AppendCloseFrame(frame, code, reason, mask);
    std::vector<uint8_t> bytes = Bytes(frame);
    const FramePiece piece = Only(mask != nullptr ? FrameSource::kClient : FrameSource::kServer, bytes);
    REQUIRE(piece.kind == FramePiece::Kind::kClose);
    return std::pair(piece.close_code, Text(piece.payload));
  };
  CHECK(decoded(1012, "restart") == std::pair<uint16_t, std::string>(1012, "restart"));
  CHECK(decoded(1000, "", kKey) == std::pair<uint16_t, std::string>(1000, ""));
  CHECK(decoded(1005, "never sent") == std::pair<uint16_t, std::string>(1005, ""));
  CHECK_EQ(decoded(1000, std::string(123, 'r')).second.size(), 123);
  CHECK_EQ(decoded(1000, std::string(200, 'r')).second.size(), 123);
  CHECK_EQ(decoded(1000, std::string(122, 'r') + "é").second, std::string(122, 'r'));
  CHECK_EQ(decoded(1000, std::string(121, 'r') + "é").second, std::string(121, 'r') + "é");
  CHECK_EQ(decoded(1000, std::string(120, 'r') + "📈").second, std::string(120, 'r'));
}

TEST_CASE("RSV1 is taken on the first frame of a message alone, and only where deflate was agreed on") {
  // The frames a server sent, the last of them in question, and whether it may stand there.
  struct Row {
    std::string bytes;
    bool taken;
  };
  const std::vector<Row> rows = {
      {"\xC1\x01x", true},           {"\xC2\x01x", true},            // whole messages
      {"\x41\x01x", true},           {"\x42\x00"s, true},            // first fragments
      {"\x41\x01x\x80\x01x", true},  {"\x41\x01x\xC0\x01x", false},  // continuations
      {"\x41\x01x\x40\x01x", false}, {"\x01\x01x\xC0\x01x", false},
      {"\x41\x01x\xC1\x01x", false}, {"\xC0\x01x", false},  // interleaved, orphan
      {"\xC8\x00"s, false},          {"\xC9\x00"s, false},  // control frames
      {"\xCA\x00"s, false},          {"\x41\x01x\xC9\x00"s, false},
      {"\xA1\x01x", false},          {"\x91\x01x", false},  // RSV2, RSV3
      {"\xE1\x01x", false},          {"\xD1\x01x", false},  // beside RSV1
      {"\xC3\x01x", false},          {"\xCB\x00"s, false},  // opcodes that are not
  };
  const FrameLimits limits;
  for (const Row& row : rows) {
    CAPTURE(row.bytes);
    for (const bool deflate : {true, false}) {
      FrameDecoder decoder(FrameSource::kServer, limits, deflate);
      std::vector<uint8_t> bytes = Bytes(row.bytes);
      std::span<uint8_t> input = bytes;
      FramePiece piece;
      while (!input.empty() && piece.error == FrameError::kNone) piece = decoder.Next(input);
      CHECK_EQ(piece.kind == FramePiece::Kind::kData, row.taken && deflate);
      if (piece.kind != FramePiece::Kind::kData) CHECK(piece.error == FrameError::kProtocol);
    }
  }
}

TEST_CASE("every piece of a compressed message says so, and none of the messages around it") {
  const FrameLimits limits;
  FrameDecoder decoder(FrameSource::kServer, limits, true);
  std::vector<uint8_t> bytes = Bytes(
      "\x81\x01p\x41\x02"
      "cc\x89\x00\x00\x01"
      "c\x80\x00\x81\x01p"s);
  std::string seen;
  for (uint8_t& byte : bytes) {  // byte by byte: headers come as pieces of their own
    std::span<uint8_t> input(&byte, 1);
    const FramePiece piece = decoder.Next(input);
    if (piece.kind != FramePiece::Kind::kData) continue;
    CHECK(piece.opcode == Opcode::kText);
    seen += piece.compressed ? 'c' : 'p';
    if (piece.last) seen += '.';
  }
  CHECK_EQ(seen, "pp.cccccc.pp.");
}

TEST_CASE("the bytes of a compressed text need not be UTF-8, those of the next plain one must") {
  const FrameLimits limits;
  FrameDecoder decoder(FrameSource::kServer, limits, true);
  std::vector<uint8_t> bytes = Bytes("\xC1\x01\xF2\x81\x01\xF2");
  std::span<uint8_t> input = bytes;
  CHECK(decoder.Next(input).kind == FramePiece::Kind::kData);
  CHECK(decoder.Next(input).error == FrameError::kBadUtf8);
}

TEST_CASE("a compressed message may be as much larger on the wire as bytes that cannot be compressed become") {
  const FrameLimits limits{.max_message = 512, .max_fragments = 2};
  const auto of_size = [](char first, size_t size) {
    return std::string{first, 126, static_cast<char>(size >> 8), static_cast<char>(size & 0xFF)} +
           std::string(size, 'x');
  };
  const auto error_of = [&limits](std::string_view text) {
    FrameDecoder decoder(FrameSource::kServer, limits, true);
    std::vector<uint8_t> bytes = Bytes(text);
    std::span<uint8_t> input = bytes;
    FramePiece piece;
    while (!input.empty() && piece.error == FrameError::kNone) piece = decoder.Next(input);
    return piece.error;
  };
  constexpr char kWhole = '\xC1';
  constexpr char kFirst = '\x41';
  constexpr char kLast = '\x80';
  constexpr size_t kMost = 512 + 1 + 64;
  CHECK(error_of(of_size(kWhole, kMost)) == FrameError::kNone);
  CHECK(error_of(of_size(kWhole, kMost + 1)) == FrameError::kTooBig);
  CHECK(error_of(of_size(kFirst, 300) + of_size(kLast, kMost - 300)) == FrameError::kNone);
  CHECK(error_of(of_size(kFirst, 300) + of_size(kLast, kMost - 299)) == FrameError::kTooBig);
  // Uncompressed the limit is the limit.
  CHECK(error_of(of_size('\x81', 512)) == FrameError::kNone);
  CHECK(error_of(of_size('\x81', 513)) == FrameError::kTooBig);
  CHECK(error_of("\x41\x00\x00\x00\x80\x00"s) == FrameError::kTooManyParts);
}

TEST_CASE("a fragment that is more header than payload is told, but a message's first and last, however it is split") {
  struct Row {
    std::string frames;
    size_t tiny;
  };
  const auto fragment = [](size_t size) { return Frame(Opcode::kContinuation, std::string(size, 'x'), false, kKey); };
  const std::string first = Frame(Opcode::kText, "", false, kKey);
  const std::string last = Frame(Opcode::kContinuation, "", true, kKey);
  const Row rows[] = {
      {Frame(Opcode::kText, "", true, kKey) + Frame(Opcode::kText, "hello", true, kKey), 0},
      {first + last + first + last, 0},
      {first + fragment(0) + last, 1},
      {first + fragment(5) + fragment(0) + fragment(1) + last, 3},
      {first + fragment(6) + fragment(200) + last, 0},
  };
  const FrameLimits limits;
  for (const Row& row : rows) {
    for (size_t split = 0; split < row.frames.size(); ++split) {
      CAPTURE(split);
      FrameDecoder decoder(FrameSource::kClient, limits);
      size_t tiny = 0;
      for (const std::string_view read :
           {std::string_view(row.frames).substr(0, split), std::string_view(row.frames).substr(split)}) {
        std::vector<uint8_t> bytes = Bytes(read);
        std::span<uint8_t> input = bytes;
        for (FramePiece piece = decoder.Next(input); piece.kind == FramePiece::Kind::kData;
             piece = decoder.Next(input)) {
          tiny += piece.tiny_fragment ? 1 : 0;
        }
      }
      CHECK_EQ(tiny, row.tiny);
    }
  }
}

TEST_CASE("without limits a message may have any size, and any number of fragments") {
  const FrameLimits limits;
  for (const bool deflate : {false, true}) {
    FrameDecoder decoder(FrameSource::kServer, limits, deflate);
    const auto feed = [&decoder](std::string_view text) {
      std::vector<uint8_t> bytes = Bytes(text);
      std::span<uint8_t> input = bytes;
      FramePiece piece = decoder.Next(input);
      while (piece.kind == FramePiece::Kind::kData) piece = decoder.Next(input);
      return piece.error;
    };
    CHECK(feed(Frame(deflate ? Opcode::kBinary : Opcode::kText, "a", false)) == FrameError::kNone);
    const std::string thousand = [] {
      std::string all;
      for (int i = 0; i < 1000; ++i) all += Frame(Opcode::kContinuation, "x", false);
      return all;
    }();
    for (int i = 0; i < 100; ++i) REQUIRE(feed(thousand) == FrameError::kNone);
    std::string header;
    AppendFrameHeader(header, Opcode::kContinuation, true, uint64_t{1} << 62);
    CHECK(feed(header + "x") == FrameError::kNone);
  }
}

TEST_CASE("masking twice gives the bytes back, whatever the length and the alignment") {
  uint32_t key;
  std::memcpy(&key, kKey, sizeof key);
  for (size_t offset = 0; offset < 8; ++offset) {
    for (size_t size = 0; size < 40; ++size) {
      std::vector<uint8_t> bytes(offset + size, 'x');
      const std::span<uint8_t> part = std::span(bytes).subspan(offset);
      ApplyMask(part, key);
      for (size_t i = 0; i < size; ++i) REQUIRE_EQ(part[i], 'x' ^ kKey[i % 4]);
      ApplyMask(part, key);
      REQUIRE(bytes == std::vector<uint8_t>(offset + size, 'x'));
    }
  }
}

}  // namespace sheaf::wire
