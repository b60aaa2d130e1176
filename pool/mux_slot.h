// A stream of a mux link, as the link knows it: first the handshake of a WebSocket (MuxOpening), then the WebSocket
// itself (MuxStream), under one number.
//
// Owned by the link, which is in control of when it goes. One thread only.
#pragma once

#include <cstdint>

#include "proxy/base/list.h"
#include "proxy/base/status.h"
#include "proxy/wire/mux_frame.h"
#include "proxy/wire/ws_frame.h"

namespace sheaf::pool {

class MuxSlot {
 public:
  explicit MuxSlot(uint32_t id) : id_(id) {}
  MuxSlot(const MuxSlot&) = delete;
  MuxSlot& operator=(const MuxSlot&) = delete;
  virtual ~MuxSlot() = default;

  uint32_t id() const { return id_; }

  // A record of this stream. Any callback may end the stream, which lives to the end of the turn. What it returns but
  // kNone is a violation, which ends the link.
  virtual wire::MuxFault OnRecord(const wire::MuxRecord& record) = 0;
  // A part of a message for several sessions.
  virtual wire::MuxFault OnShared(const wire::FramePiece& part) = 0;
  // The link is over, and the stream with it.
  virtual void OnLinkLost(CloseReason reason) = 0;

  ListHook hook_;            // the link's list
  MuxSlot* next_ = nullptr;  // ... and index

 private:
  const uint32_t id_;
};

}  // namespace sheaf::pool
