// Compressed messages of one client, inflated on their way upstream, where compression is never spoken. What a piece
// gives goes on at once, so a message that inflates to megabytes is never held.
//
// Owned by a session, without context takeover only from a message's first piece to its last; one thread only.
#pragma once

#include <cstdint>

#include "pool/upstream_stream.h"
#include "proxy/base/metrics.h"
#include "proxy/wire/utf8.h"
#include "proxy/wire/ws_deflate.h"
#include "proxy/wire/ws_frame.h"

namespace sheaf {

class ClientInflater {
 public:
  // Room for what one step inflates, and a frame's header before it.
  static constexpr size_t kRoom = 64 * 1024;

  // `takeover`: the client's context lives on between messages. A larger window than the client's does no harm.
  ClientInflater(uint8_t window_bits, bool takeover);

  // Inflates a piece of a compressed message, and sends the frames that come of it upstream. The piece's payload is
  // unmasked in place. `room`: kRoom bytes of scratch. Returns why the session must close, or kNone. Hardening row 55.
  wire::FrameError Feed(const wire::FramePiece& piece, uint64_t max_message, std::span<uint8_t> room,
                        pool::UpstreamStream& stream, WorkerMetrics& metrics);

  // Payload bytes of the present message so far, inflated.
  uint64_t inflated() const { return inflated_; }

 private:
  wire::FrameError CheckText(std::span<const uint8_t> bytes, bool last);
  void Send(std::span<uint8_t> room, size_t size, wire::Opcode opcode, bool last, pool::UpstreamStream& stream);

  wire::Inflater inflater_;
  wire::Utf8Checker utf8_;
  uint64_t inflated_ = 0;
  const bool takeover_;
  bool begun_ = false;  // a frame of the message has gone upstream
};

}  // namespace sheaf
