// What a request and an open WebSocket have in common to those who use them. Which connection serves a stream, alone or
// beside others, and by which codec, is the pool's affair.
#pragma once

#include "proxy/base/pause.h"
#include "proxy/base/status.h"

namespace sheaf::pool {

// What becomes of a stream, told in the worker's thread. No callback may destroy the stream that it tells of before the
// stream is over; each may Close it.
class StreamEvents {
 public:
  // The stream is over, in order.
  virtual void OnUpstreamEnd() = 0;
  // What is sent upstream piles up over the high mark, or is under the low one again.
  virtual void OnUpstreamBlocked() = 0;
  virtual void OnUpstreamDrained() = 0;
  // The stream is over: it broke, or never came about.
  virtual void OnUpstreamClosed(CloseReason reason) = 0;

 protected:
  ~StreamEvents() = default;
};

// One use of a backend's connection. Destroying it cancels. One thread only.
class UpstreamStream {
 public:
  virtual ~UpstreamStream() = default;

  // Of this stream alone: others on the same connection, if there are any, go on.
  virtual void PauseReading(PauseReason reason) = 0;
  virtual void ResumeReading(PauseReason reason) = 0;

  // Gives the stream up now; no event follows. May be called twice.
  virtual void Close(CloseReason reason) = 0;
};

}  // namespace sheaf::pool
