// A WebSocket that is open through the pool: the stream as its session has it, and the backend at the other end.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "pool/upstream_stream.h"
#include "tests/fakes/pool_fixture.h"

namespace sheaf::pool {

struct OpenTunnel {
  OpenTunnel() {
    fixture.Start();
    const auto handshake = fixture.OpenOn(0, OpenWebSocket(), events);
    fixture.backend.Forget(0);
    fixture.backend.Send(0, Switching());
    fixture.driver.Until([&] { return events.Told("head 101"); });
    stream = std::move(events.socket);
    events.told.clear();
  }

  void SendFromClient(std::string_view frame) {
    std::vector<uint8_t> bytes(frame.begin(), frame.end());
    std::span<uint8_t> input = bytes;
    for (;;) {
      const wire::FramePiece piece = client.Next(input);
      if (piece.kind != wire::FramePiece::Kind::kData) return;
      stream->SendMessage(piece);
    }
  }

  PoolFixture fixture;
  RecordingEvents events;
  wire::FrameDecoder client{wire::FrameSource::kClient, kFrameLimits};
  std::unique_ptr<SocketStream> stream;
};

}  // namespace sheaf::pool
