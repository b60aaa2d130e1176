// What a session does for relief from memory pressure (proxy/base/pressure.h).
#include <algorithm>

#include "proxy/plan/context.h"
#include "proxy/session/session.h"

namespace sheaf {

// No message of the client's is half read.
bool Session::ClientIsWhole() const {
  return decoder_.at_message_boundary() && !held_;
}

// For longer than a client is given to answer a Close.
bool Session::ReadsNothing() const {
  return StalledFor() >= context_.options().websocket.close_timeout;
}

bool Session::MayShed() const {
  if (!connection_ || closing() || !route_.shed) return false;
  return !mid_frame_ && !mid_message_ && ClientIsWhole();
}

bool Session::MayShedByCost() const {
  if (!connection_ || closing() || !route_.shed) return false;
  return MayShed() || (ClientIsWhole() && (ReadsNothing() || (GathersLarge() && !mid_frame_)));
}

void Session::Shed() {
  if (ReadsNothing() || GathersLarge()) return Close(CloseReason::kMemoryShed);
  BeginClose(CloseReason::kMemoryShed);
}

size_t Session::held_bytes() const {
  return waiting() + (outbox_ ? outbox_->partial_bytes() + outbox_->context_bytes() : 0) +
         (held_ ? held_->capacity() : 0);
}

size_t Session::memory() const {
  const size_t inflater = inflater_ ? wire::InflaterBytes(client_window_bits_) : 0;
  return kPlainBytes + (connection_ && connection_->is_tls() ? kTlsBytes : 0) + inflater + held_bytes();
}

size_t Session::FlushForMemory() {
  if (!outbox_ || client_full()) return 0;
  const size_t before = outbox_->bytes();
  FlushOutbox(FlushReason::kPressure);
  return outbox_ ? before - std::min(before, outbox_->bytes()) : before;
}

}  // namespace sheaf
