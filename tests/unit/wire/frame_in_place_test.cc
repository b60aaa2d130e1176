// Frames written into the place of another header, and client's frames taken off a run.
#include "proxy/wire/frame_in_place.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "proxy/wire/frame_run.h"
#include "tests/fakes/frames.h"

namespace sheaf::wire {

TEST_CASE("a frame in place is the frame that a server would send, and no byte of the payload moves") {
  for (const size_t size : {0, 1, 125, 126, 127, 255, 256, 65'535}) {
    for (const bool first : {false, true}) {
      for (const bool last : {false, true}) {
        CAPTURE(size);
        std::string bytes = "guard" + std::string(kRoomInFront, '#') + std::string(size, 'p');
        std::span<uint8_t> all(reinterpret_cast<uint8_t*>(bytes.data()), bytes.size());
        const std::span<uint8_t> payload = all.subspan(5 + kRoomInFront);
        const FramePiece piece = FrameInPlace(payload, Opcode::kBinary, first, last);
        const std::string frame(piece.wire.begin(), piece.wire.end());
        CHECK(frame == ServerFrame(first ? Opcode::kBinary : Opcode::kContinuation, std::string(size, 'p'), last));
        CHECK(piece.payload.data() == payload.data());
        CHECK_EQ(piece.payload.size(), size);
        CHECK(piece.opcode == Opcode::kBinary);
        CHECK_EQ(piece.first, first);
        CHECK_EQ(piece.last, last);
        CHECK(piece.starts_frame);
        CHECK(piece.ends_frame);
        CHECK(bytes.starts_with("guard"));
      }
    }
  }
}

TEST_CASE("the frames of a run come off its front, each under its own mask") {
  const std::vector<std::string> payloads = {"one", "", std::string(125, 'a'), std::string(126, 'b'),
                                             std::string(65'535, 'c')};
  std::string bytes;
  for (const std::string& payload : payloads) {
    bytes += ClientFrame(payload.size() % 2 == 0 ? Opcode::kText : Opcode::kBinary, payload);
  }
  std::span<const uint8_t> run(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  for (const std::string& payload : payloads) {
    REQUIRE_FALSE(run.empty());
    const RunFrame frame = TakeFromRun(run);
    std::string got(frame.payload.begin(), frame.payload.end());
    ApplyMask({reinterpret_cast<uint8_t*>(got.data()), got.size()}, frame.mask);
    CHECK(got == payload);
    CHECK(frame.opcode == (payload.size() % 2 == 0 ? Opcode::kText : Opcode::kBinary));
  }
  CHECK(run.empty());
}

}  // namespace sheaf::wire
