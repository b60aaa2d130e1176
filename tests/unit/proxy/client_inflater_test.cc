#include "proxy/session/client_inflater.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "proxy/base/bytes.h"

namespace sheaf {
namespace {

constexpr uint32_t kMask = 0x44332211;

// Takes frames as a backend does: unmasks them and puts messages together.
class Backend final : public pool::SocketStream {
 public:
  void SetEvents(pool::SocketEvents&) override {}
  void AllowRuns() override {}
  void SendMessage(const wire::FramePiece& piece) override {
    std::vector<uint8_t> copy(piece.wire.begin(), piece.wire.end());
    std::span<uint8_t> input(copy);
    for (wire::FramePiece frame = decoder_.Next(input); frame.kind != wire::FramePiece::Kind::kNeedMore;
         frame = decoder_.Next(input)) {
      REQUIRE(frame.kind == wire::FramePiece::Kind::kData);
      wire::ApplyMask(frame.payload, frame.mask);
      if (frame.first) messages.emplace_back();
      messages.back().append(reinterpret_cast<const char*>(frame.payload.data()), frame.payload.size());
      if (frame.starts_frame) ++frames;
      if (frame.last) ++complete;
    }
  }
  bool SendClose(uint16_t, std::string_view) override { return false; }
  const pool::Endpoint* endpoint() const override { return nullptr; }
  LinkUse link_use() const override { return {}; }
  void PauseReading(PauseReason) override {}
  void ResumeReading(PauseReason) override {}
  void DeferReading(size_t) override {}
  void ReadNow() override {}
  void Close(CloseReason) override {}

  std::vector<std::string> messages;
  size_t frames = 0;
  size_t complete = 0;

 private:
  wire::FrameLimits limits_{.max_message = 1 << 30};
  wire::FrameDecoder decoder_{wire::FrameSource::kClient, limits_};
};

struct Fixture {
  wire::Deflater deflater{15, wire::DeflateEffort{}};
  WorkerMetrics metrics;
  Backend backend;

  std::string Compress(const std::string& message, bool keep_context = false) {
    std::string out;
    REQUIRE(deflater.Compress(AsBytes(message), true, out));
    if (!keep_context) deflater.Reset();
    return out;
  }

  // Feeds `compressed` masked, in pieces of at most `step` bytes.
  wire::FrameError Feed(ClientInflater& inflater, std::string compressed, size_t step = SIZE_MAX,
                        wire::Opcode opcode = wire::Opcode::kText, uint64_t max_message = 16 << 20) {
    for (size_t at = 0; at < compressed.size(); at += std::min(step, compressed.size() - at)) {
      const size_t size = std::min(step, compressed.size() - at);
      wire::FramePiece piece;
      piece.kind = wire::FramePiece::Kind::kData;
      piece.opcode = opcode;
      piece.compressed = true;
      piece.first = at == 0;
      piece.last = at + size == compressed.size();
      piece.payload = {reinterpret_cast<uint8_t*>(compressed.data()) + at, size};
      piece.mask = kMask;
      wire::ApplyMask(piece.payload, kMask);
      const wire::FrameError error = inflater.Feed(piece, max_message, backend, metrics);
      if (error != wire::FrameError::kNone) return error;
    }
    return wire::FrameError::kNone;
  }
};

TEST_CASE("messages arrive as they were, whatever their pieces") {
  std::string large;
  for (int i = 0; large.size() < 300'000; ++i) large += "line " + std::to_string(i) + "\n";
  const std::string messages[] = {"", "a", "hello hello hello hello", "\xE2\x82\xAC", large};
  for (const size_t step : {size_t{1}, size_t{7}, size_t{1000}, SIZE_MAX}) {
    CAPTURE(step);
    Fixture fixture;
    ClientInflater inflater(15);
    for (const std::string& message : messages) {
      CHECK(fixture.Feed(inflater, fixture.Compress(message), step) == wire::FrameError::kNone);
    }
    CHECK(fixture.backend.complete == std::size(messages));
    CHECK(fixture.backend.frames <= std::size(messages) + large.size() / (ClientInflater::kRoom - 14));
    CHECK(fixture.backend.messages == std::vector<std::string>(std::begin(messages), std::end(messages)));
    CHECK(fixture.metrics.inflate_messages_total.value() == std::size(messages));
  }
}

TEST_CASE("a message that came whole and is small goes as one frame") {
  Fixture fixture;
  ClientInflater inflater(15);
  CHECK(fixture.Feed(inflater, fixture.Compress(std::string(60'000, 'x'))) == wire::FrameError::kNone);
  CHECK(fixture.backend.frames == 1);
}

TEST_CASE("a reference into the message before is an error") {
  Fixture fixture;
  ClientInflater inflater(15);
  const std::string message = "the same words in every message";
  CHECK(fixture.Feed(inflater, fixture.Compress(message, true)) == wire::FrameError::kNone);
  CHECK(fixture.Feed(inflater, fixture.Compress(message, true)) == wire::FrameError::kProtocol);
}

TEST_CASE("a bomb ends at the limit") {
  Fixture fixture;
  ClientInflater inflater(15);
  const std::string bomb = fixture.Compress(std::string(10'000'000, 'x'));
  CHECK(fixture.Feed(inflater, bomb, SIZE_MAX, wire::Opcode::kBinary, 1'000'000) == wire::FrameError::kTooBig);
  CHECK(fixture.metrics.inflate_output_bytes_total.value() <= 1'000'000 + ClientInflater::kRoom);
  Fixture exact;
  ClientInflater other(15);
  const std::string fits = exact.Compress(std::string(1'000'000, 'x'));
  CHECK(exact.Feed(other, fits, SIZE_MAX, wire::Opcode::kBinary, 1'000'000) == wire::FrameError::kNone);
}

TEST_CASE("inflated text must be UTF-8, binary need not") {
  for (const std::string bad : {"\xFF", "a\xC3", "\xED\xA0\x80"}) {
    Fixture text;
    ClientInflater inflater(15);
    CHECK(text.Feed(inflater, text.Compress(bad)) == wire::FrameError::kBadUtf8);
    Fixture binary;
    ClientInflater other(15);
    CHECK(binary.Feed(other, binary.Compress(bad), SIZE_MAX, wire::Opcode::kBinary) == wire::FrameError::kNone);
  }
}

TEST_CASE("what is no deflate stream is a protocol error") {
  Fixture fixture;
  ClientInflater inflater(15);
  CHECK(fixture.Feed(inflater, "\xFF\xFF\xFF\xFF") == wire::FrameError::kProtocol);
}

}  // namespace
}  // namespace sheaf
