// A client of cohort compression as zlib sees it: an inflater of the agreed window, fed with every frame in order.
#pragma once

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "batching/cohorts.h"
#include "proxy/wire/ws_deflate.h"
#include "proxy/wire/ws_frame.h"

namespace sheaf::batching {

class CohortClient {
 public:
  explicit CohortClient(uint8_t window_bits) : place(window_bits), inflater_(window_bits) {}

  // The payload of a whole frame.
  std::string Receive(std::string_view frame) {
    std::vector<uint8_t> bytes(frame.begin(), frame.end());
    wire::FrameDecoder decoder(wire::FrameSource::kServer, limits_, true);
    std::span<uint8_t> input = bytes;
    const wire::FramePiece piece = decoder.Next(input);
    REQUIRE(piece.kind == wire::FramePiece::Kind::kData);
    REQUIRE(piece.last);
    REQUIRE(input.empty());
    if (!piece.compressed) return {piece.payload.begin(), piece.payload.end()};
    return Inflate(piece.payload);
  }

  CohortPlace place;

 private:
  std::string Inflate(std::span<const uint8_t> payload) {
    std::string text;
    auto verdict = wire::Inflater::Verdict::kOutputFull;
    while (verdict == wire::Inflater::Verdict::kOutputFull) {
      std::array<uint8_t, 4096> room;
      size_t produced = 0;
      verdict = inflater_.Step(payload, true, room, produced);
      REQUIRE(verdict != wire::Inflater::Verdict::kError);
      text.append(room.begin(), room.begin() + static_cast<ptrdiff_t>(produced));
    }
    return text;
  }

  wire::Inflater inflater_;
  wire::FrameLimits limits_;
};

}  // namespace sheaf::batching
