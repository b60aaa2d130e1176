// An open WebSocket with the backend, all that a session sees of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "pool/upstream_stream.h"
#include "proxy/wire/ws_frame.h"

namespace sheaf::pool {

class Endpoint;

// OnUpstreamEnd: both sides have said Close, and the backend has ended.
class SocketEvents : public StreamEvents {
 public:
  // A data piece (a Close comes as OnUpstreamClose).
  virtual void OnUpstreamMessage(const wire::FramePiece& piece) = 0;
  // A ping, which is answered below.
  virtual void OnUpstreamPing() {}
  // The backend sent a Close frame (1005: without a code).
  virtual void OnUpstreamClose(uint16_t code, std::string_view reason) = 0;

 protected:
  ~SocketEvents() = default;
};

// Given up without a Close of either side, it ends in order as far as the backend's connection goes: what was sent
// still goes out.
class SocketStream : public UpstreamStream {
 public:
  // Who is told from now on. Once, from within HandshakeEvents::OnUpstreamOpen.
  virtual void SetEvents(SocketEvents& events) = 0;

  // A hint: the backend's messages may come in runs (wire::MessagePart::before) from now on.
  virtual void AllowRuns() = 0;

  // A piece of a client's message, as received (masked); or a run of messages, each frame under a mask of its own.
  virtual void SendMessage(const wire::FramePiece& piece) = 0;
  // A Close frame. Nothing may be sent after it. False: there was no place for it, amid a frame or after another.
  virtual bool SendClose(uint16_t code, std::string_view reason) = 0;

  // Where it leads; nullptr: nowhere any more. Valid as long as the socket is open.
  virtual const Endpoint* endpoint() const = 0;
  // The link that it goes over: others may share it (mux), and it had served somebody before. Of a socket that leads
  // nowhere any more, nothing is known.
  struct LinkUse {
    bool shared = false;
    bool reused = false;
  };
  virtual LinkUse link_use() const = 0;

  // A hint, for messages that wait anyway: reading may wait until about `bytes` have come, or until ReadNow; 1: it
  // does not wait any more.
  virtual void DeferReading(size_t bytes) = 0;
  // Reads what has come meanwhile. Not from within an event.
  virtual void ReadNow() = 0;
};

}  // namespace sheaf::pool
