// Compressed messages of one client, inflated on their way upstream, where compression is never spoken. A message goes
// on in frames of up to kRoom bytes as it is inflated, so one that inflates to megabytes is never held.
//
// Owned by a session from a message's first piece to its last, else by the worker; one thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "pool/socket_stream.h"
#include "proxy/base/metrics.h"
#include "proxy/wire/utf8.h"
#include "proxy/wire/ws_deflate.h"
#include "proxy/wire/ws_frame.h"

namespace sheaf {

class ClientInflater {
 public:
  // Room for the payload of one frame, and its header before it.
  static constexpr size_t kRoom = 64 * 1024;

  // No context lives from one message to the next. A larger window than the client's does no harm.
  explicit ClientInflater(uint8_t window_bits);

  // Inflates a piece of a compressed message, and sends the frames that come of it upstream. The piece's payload is
  // unmasked in place. Returns why the session must close, or kNone. Hardening row 55.
  wire::FrameError Feed(const wire::FramePiece& piece, uint64_t max_message, pool::SocketStream& stream,
                        WorkerMetrics& metrics);

  // Payload bytes of the present message so far, inflated.
  uint64_t inflated() const { return inflated_; }

 private:
  static constexpr size_t kMostPayload = kRoom - wire::kMaxFrameHeader;

  void BeginMessage();
  wire::FrameError CheckText(std::span<const uint8_t> bytes, bool last);
  void Send(wire::Opcode opcode, bool last, pool::SocketStream& stream);

  wire::Inflater inflater_;
  wire::Utf8Checker utf8_;
  std::unique_ptr<uint8_t[]> room_;  // amid a message: space for a header, then payload
  size_t filled_ = 0;                // payload in it
  uint64_t inflated_ = 0;
  bool begun_ = false;  // a frame of the message has gone upstream
};

}  // namespace sheaf
