// How one protocol stands on an upstream connection. A codec lives as long as its link, but for one change: HTTP/1 ends
// with a 101, and the codec of what it opened stands in its place. Sessions and exchanges never learn which it is.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "pool/socket_stream.h"
#include "proxy/net/connection.h"

namespace sheaf::pool {

class Endpoint;
class PooledStream;

// What a codec may ask of its link.
class CodecHost {
 public:
  virtual void WriteUpstream(std::span<const uint8_t> bytes) = 0;
  // The connection takes no more at the moment: what is written is queued. Codec::OnUpstreamReady follows.
  virtual bool upstream_full() const = 0;
  // For what a codec with a single stream leaves to its socket: pauses, deferred reading, what is not taken yet.
  virtual net::Connection& connection() = 0;

  // What comes from now on is frames of one WebSocket: its codec stands in the caller's place, which lives to the end
  // of the turn. What comes back is its other end, for whoever has asked for it by
  // `handshake`.
  virtual std::unique_ptr<SocketStream> OpenTunnel(PooledStream& handshake) = 0;
  // nullptr: nobody knows.
  virtual const Endpoint* endpoint() const = 0;
  // The connection had served somebody before its last lease.
  virtual bool reused() const = 0;

  // The connection's last stream is given up: it breaks off, or ends when what is queued has gone out.
  virtual void Close(CloseReason reason) = 0;
  virtual void Drain() = 0;

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

// The streams that a codec serves are its own: what comes for them is told them from within OnBytes. What a verdict
// says is the connection's affair, which the link sees to before it has the codec tell them of their end.
class Codec {
 public:
  enum class Verdict : uint8_t {
    kGoOn,      // all input is taken
    kClosed,    // the stream was closed from within a callback
    kUpgraded,  // another codec stands in the place of this one: the rest of the input is its
    kReusable,  // the response is complete and the connection is clean
    kFinished,  // the stream is over, and the connection must close
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
  // What it is when the connection breaks off now.
  virtual CloseReason lost() const = 0;

  // After kReusable and kFinished: tells the stream, which is served no more.
  virtual void Finish() = 0;
  // After any other: the same of all streams, unless one can be sent again.
  virtual void Lose(CloseReason reason) = 0;

  // More waits in the connection than the high mark, or less than the low one again.
  virtual void OnUpstreamBlocked() = 0;
  virtual void OnUpstreamDrained() = 0;
  // The connection takes more again, or there is little left in its queue.
  virtual void OnUpstreamReady() {}

  // One line of the log after kBroken, kMessageTooBig or kTruncated, if there is more to say than the verdict does.
  virtual void ReportFault(std::string_view upstream, CloseReason reason) const = 0;
  // Tells the backend why the connection ends. False: its protocol has no words for it, or no place for them.
  virtual bool SayWhy(CloseReason /*reason*/) { return false; }
  // Both sides have said that they are done: the backend closes the connection now (RFC 6455 7.1.1).
  virtual bool all_is_said() const { return false; }
};

// What serves a stream from its lease to its end.
class StreamCarrier {
 public:
  // `stream` is given up before its end.
  virtual void Detach(PooledStream& stream, CloseReason reason) = 0;

  virtual void SendBody(PooledStream& stream, std::string_view data) = 0;
  virtual void FinishBody(PooledStream& stream) = 0;
  virtual void PauseReading(PooledStream& stream, PauseReason reason) = 0;
  virtual void ResumeReading(PooledStream& stream, PauseReason reason) = 0;
  virtual size_t Untaken(const PooledStream& stream) const = 0;

 protected:
  ~StreamCarrier() = default;
};

// A codec that requests and upgrades are given to.
class RequestCodec : public Codec, public StreamCarrier {
 public:
  // What `stream` asks goes out now, and its events come from here on. Only while there is room for it: HTTP/1 has one
  // slot, which is free again after kReusable.
  virtual void Attach(PooledStream& stream) = 0;
};

}  // namespace sheaf::pool
