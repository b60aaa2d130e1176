// A CodecHost without a connection: what the codec sends is kept, and the stream can be closed from within a callback.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "pool/codec.h"
#include "pool/pooled_stream.h"
#include "tests/fakes/recording_events.h"
#include "tests/fakes/stream_recorder.h"

namespace sheaf {

class FakeCodecHost final : public pool::CodecHost {
 public:
  StreamRecorder tunnel;  // of OpenTunnel
  const wire::FrameLimits* tunnel_limits = nullptr;
  RecordingEvents recorder;
  std::string written;
  bool full = false;
  std::string ended;  // "closed client_gone" or "drained"

  void WriteUpstream(std::span<const uint8_t> bytes) override { written.append(bytes.begin(), bytes.end()); }
  bool upstream_full() const override { return full; }
  net::Connection& connection() override {
    FAIL("there is no connection");
    std::abort();
  }
  const pool::Endpoint* endpoint() const override { return nullptr; }
  bool reused() const override { return false; }
  std::unique_ptr<pool::SocketStream> OpenTunnel(pool::PooledStream& handshake) override {
    tunnel_limits = handshake.upgrade()->frame_limits;
    return tunnel.Open();
  }
  void Close(CloseReason reason) override { ended = "closed " + std::string(Describe(reason).label); }
  void Drain() override { ended = "drained"; }

  // `close` is called from within the `nth` event that begins with `word`.
  void CloseDuring(std::string_view word, std::function<void()> close, int nth = 1) {
    recorder.after = [word = std::string(word), close = std::move(close), nth](std::string_view told) mutable {
      if (told == word && --nth == 0) close();
    };
  }
};

}  // namespace sheaf
