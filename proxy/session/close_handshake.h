// Who has said Close, and what that means for the session (RFC 6455 7). Pure: told what happens, it says what comes
// next; it sends nothing, and knows no time.
//
// A Close travels like a message: what one side says is passed on to the other, whose answer travels back. When both
// have spoken, the session is over. Sheaf itself speaks to the client where it ends a session, or passes the backend's
// word on; the client gets one Close at most.
//
// The first code and the first reason stay: they are what the log and the metrics tell.
#pragma once

#include <cstdint>

#include "proxy/base/status.h"

namespace sheaf {

class CloseHandshake {
 public:
  enum class Next : uint8_t {
    kNothing,
    kAwait,   // the other side's answer, for as long as it is given one
    kSpread,  // the end, at a time of its own: many sessions end for the same reason
    kEnd,     // Session::Close
  };

  CloseReason reason() const { return reason_; }
  uint16_t code() const { return code_; }  // 0: nobody has spoken
  // The session is on its way out.
  bool begun() const { return reason_ != CloseReason::kNone; }
  bool client_spoke() const { return client_spoke_; }
  // The client has been sent a Close: nothing may follow it.
  bool told_client() const { return told_client_; }
  // The client broke the protocol, or its connection has ended: nothing more is taken from it, sent to it.
  bool client_left() const { return client_left_; }
  // Our own Close is due behind the message that is half on its way.
  bool waits() const { return waits_; }

  void Note(CloseReason reason) {
    if (!begun()) reason_ = reason;
  }

  // The client has sent a Close. False: not the first one, which decides.
  [[nodiscard]] bool ClientSpoke(uint16_t code) {
    if (client_spoke_) return false;
    client_spoke_ = true;
    NoteCode(code);
    Note(CloseReason::kClientClosed);
    return true;
  }
  // Then, when it has been passed on, if there is a backend that can answer.
  Next AfterClient(bool backend) const { return told_client_ || !backend ? Next::kEnd : Next::kAwait; }

  // The backend has sent a Close. False: it is the answer to the one that a client's error brought about, and not for
  // the client.
  [[nodiscard]] bool BackendSpoke(uint16_t code) {
    backend_spoke_ = true;
    if (client_failed_) return false;
    NoteCode(code);
    Note(CloseReason::kUpstreamClosed);
    return true;
  }
  // Then, when it has been passed on.
  Next AfterBackend() const { return client_spoke_ ? Next::kEnd : Next::kAwait; }

  // The backend's connection has ended in order: behind its Close, only the client's answer is still due.
  Next BackendEnded() const { return backend_spoke_ && !client_spoke_ ? Next::kNothing : Next::kEnd; }

  // The backend broke off, for `reason`: behind its Close it may do that as it likes. A backend that dies takes all its
  // sessions with it.
  Next BackendLost(CloseReason reason) const {
    if (backend_spoke_ && !client_spoke_) return Next::kNothing;
    const bool ends_anyway = client_spoke_ || client_failed_ || told_client_;
    return ends_anyway || reason != CloseReason::kUpstreamGone ? Next::kEnd : Next::kSpread;
  }

  // The client has broken the protocol, and the backend, told of it, answers what came before.
  void ClientFailed(CloseReason reason) {
    Note(reason);
    client_failed_ = true;
  }

  // The client's connection has ended: after both Closes it may do so before we do. The session ends, for this reason.
  CloseReason ClientLeft() {
    client_left_ = true;
    return client_spoke_ ? CloseReason::kClientClosed : CloseReason::kClientGone;
  }

  // We end the session, politely. `amid_message`: behind the one that is half on its way.
  void Begin(CloseReason reason, bool amid_message) {
    Note(reason);
    waits_ = amid_message;
  }
  void StopWaiting() { waits_ = false; }

  // A Close is about to go to the client. False: it has got one.
  [[nodiscard]] bool TellClient(uint16_t code) {
    if (told_client_) return false;
    told_client_ = true;
    NoteCode(code);
    return true;
  }

 private:
  void NoteCode(uint16_t code) {
    if (code_ == 0) code_ = code;
  }

  uint16_t code_ = 0;
  CloseReason reason_ = CloseReason::kNone;
  bool client_spoke_ : 1 = false;
  bool backend_spoke_ : 1 = false;
  bool told_client_ : 1 = false;
  bool client_failed_ : 1 = false;
  bool client_left_ : 1 = false;
  bool waits_ : 1 = false;
};

}  // namespace sheaf
