// How one protocol stands on an upstream connection. A link has a codec while it is leased; the session or exchange
// that leased it never learns which.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "pool/upstream_stream.h"

namespace sheaf::pool {

// What a codec may ask of its link.
class CodecHost {
 public:
  virtual void WriteUpstream(std::span<const uint8_t> bytes) = 0;
  // The connection takes no more at the moment: what is written is queued. Codec::OnUpstreamReady follows.
  virtual bool upstream_full() const = 0;
  // Who is told; nullptr once the stream was closed, which any callback may do. Ask again after each one.
  virtual UpstreamEvents* events() = 0;

 protected:
  ~CodecHost() = default;
};

// Why the backend's bytes were refused, for the log: a word for the cause, and the beginning of what was seen.
struct Fault {
  static constexpr size_t kMostSeen = 128;

  Fault() = default;
  Fault(std::string_view cause_word, std::string_view bytes, uint16_t code = 1002)
      : cause(cause_word), seen(bytes.substr(0, kMostSeen)), close_code(code) {}

  std::string cause;
  std::string seen;
  uint16_t close_code = 1002;  // what the backend is told of it on an open WebSocket (RFC 6455 7.4.1)
};

class Codec {
 public:
  enum class Verdict : uint8_t {
    kGoOn,      // all input is taken
    kClosed,    // the stream was closed from within a callback
    kUpgraded,  // a valid 101 is in the worker's ResponseHead, not told yet; the rest of the input is frames
    kReusable,  // the response is complete and the connection is clean
    kFinished,  // the response is complete, but the connection must close
    kTruncated,
    kBroken,  // the backend broke the protocol
    kMessageTooBig,
    kGone,  // the connection ended before the response began
  };

  virtual ~Codec() = default;

  // Takes received bytes from the front of `bytes`.
  virtual Verdict OnBytes(std::span<uint8_t>& bytes) = 0;
  // The backend has closed in order.
  virtual Verdict OnEnd() = 0;

  virtual void SendBody(std::string_view /*data*/) {}
  virtual void FinishBody() {}
  virtual void SendMessage(const wire::FramePiece& /*piece*/) {}
  virtual bool SendClose(uint16_t /*code*/, std::string_view /*reason*/) { return false; }
  // The connection takes more again, or there is little left in its queue.
  virtual void OnUpstreamReady() {}

  // After kBroken or kTruncated; without a cause where the verdict says all.
  virtual Fault fault() const { return {}; }

  // No byte of the response has come yet.
  virtual bool untouched() const = 0;
  // Both sides have said that they are done: the backend closes the connection now (RFC 6455 7.1.1).
  virtual bool all_is_said() const { return false; }
  // The stream may be given up while what is queued still goes out, instead of breaking off at once.
  virtual bool finishes_in_order() const = 0;
};

}  // namespace sheaf::pool
