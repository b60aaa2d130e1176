// All that a session or an exchange sees of the backend: a request goes in, a response or a WebSocket comes out. Which
// connection serves it, and by which codec, is the pool's affair.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "proxy/base/option_table.h"
#include "proxy/base/pause.h"
#include "proxy/base/status.h"
#include "proxy/wire/http1.h"
#include "proxy/wire/ws_frame.h"

namespace sheaf::pool {

// A request as it goes upstream.
struct UpstreamRequest {
  std::string head;    // the complete HTTP/1.1 head, empty line included
  std::string method;  // decides whether the response has a body
  wire::BodyKind body = wire::BodyKind::kNone;
  bool body_finished = false;  // the whole body is already in `head`, behind it
  bool websocket = false;
  std::string websocket_accept;                     // for a WebSocket: the Sec-WebSocket-Accept that must come back
  std::string websocket_protocols;                  // the subprotocols offered, joined by ", "
  std::string request_id;                           // as in the head, for the log
  std::string_view route;                           // the path of its route, for the log; outlives the stream
  const wire::FrameLimits* frame_limits = nullptr;  // for a WebSocket: of what the backend sends; outlives the stream

  // RFC 9110 9.2.2: may be sent again when a pooled connection turned out to be dead. Only without a body, since
  // nothing of a body is kept.
  bool repeatable() const;
  // Method and path, without the query, for the log; the route's path where that is all that may be shown.
  std::string Summary(LogPath shown) const;
};

// What the backend does, told in the worker's thread. Any of these may destroy nothing but may Close the stream.
class UpstreamEvents {
 public:
  // A head: any number of 1xx, then one final status, or 101 for a WebSocket that was checked and is open.
  virtual void OnUpstreamHead(const wire::ResponseHead& head) = 0;
  // A part of the response's body, framing taken off. Valid during the call.
  virtual void OnUpstreamBody(std::string_view data) = 0;
  // The response is complete. The stream is over.
  virtual void OnUpstreamEnd() = 0;
  // A data piece of the open WebSocket (a Close comes as OnUpstreamClose).
  virtual void OnUpstreamMessage(const wire::FramePiece& piece) = 0;
  // A ping, which is answered below.
  virtual void OnUpstreamPing() {}
  // The backend sent a Close frame (1005: without a code).
  virtual void OnUpstreamClose(uint16_t code, std::string_view reason) = 0;
  // What is sent upstream piles up over the high mark, or is under the low one again.
  virtual void OnUpstreamBlocked() = 0;
  virtual void OnUpstreamDrained() = 0;
  // The stream broke, or never came about. It is over.
  virtual void OnUpstreamClosed(CloseReason reason) = 0;

 protected:
  ~UpstreamEvents() = default;
};

// One use of an upstream connection. Destroying it cancels: an unfinished request ends its connection. One thread only.
class UpstreamStream {
 public:
  virtual ~UpstreamStream() = default;

  virtual void SetEvents(UpstreamEvents& events) = 0;

  // Request body, framed as the request says; FinishBody after the last part. Parts may follow before the head has
  // come.
  virtual void SendBody(std::string_view data) = 0;
  virtual void FinishBody() = 0;

  // A piece of a client's message, as received (masked).
  virtual void SendMessage(const wire::FramePiece& piece) = 0;
  // A Close frame. Nothing may be sent after it. False: there was no place for it, amid a frame or after another.
  virtual bool SendClose(uint16_t code, std::string_view reason) = 0;

  virtual void PauseReading(PauseReason reason) = 0;
  virtual void ResumeReading(PauseReason reason) = 0;

  // Reading waits until about `bytes` have come, for an open WebSocket whose messages wait anyway; 1: it does not.
  virtual void DeferReading(size_t bytes) = 0;
  // Reads what has come meanwhile. Not from within an event.
  virtual void ReadDeferred() = 0;

  // Bytes of an HTTP request that have left and that the backend has not taken yet: what it reads makes this less. A
  // system call.
  virtual size_t Untaken() const = 0;

  // Gives the connection up now; no event follows. May be called twice.
  virtual void Close(CloseReason reason) = 0;

  // Whether the request has left on a connection (it does not wait for one any more).
  virtual bool leased() const = 0;
  // The connection served something before this.
  virtual bool reused() const = 0;
};

}  // namespace sheaf::pool
