#include "pool/mux_socket.h"

#include <utility>

#include "pool/mux_stream.h"

namespace sheaf::pool {

MuxSocket::MuxSocket(MuxStream& stream) : stream_(&stream) {
  static_assert(sizeof(MuxSocket) <= 16, "an idle session's budget");
  stream.Attach(*this);
}

MuxSocket::~MuxSocket() {
  Close(CloseReason::kDone);
}

void MuxSocket::SetEvents(SocketEvents& events) {
  if (stream_ != nullptr) stream_->SetEvents(events);
}

void MuxSocket::SendMessage(const wire::FramePiece& piece) {
  if (stream_ != nullptr) stream_->SendMessage(piece);
}

bool MuxSocket::SendClose(uint16_t code, std::string_view reason) {
  return stream_ != nullptr && stream_->SendClose(code, reason);
}

void MuxSocket::PauseReading(PauseReason reason) {
  if (stream_ != nullptr) stream_->PauseReading(reason);
}

void MuxSocket::ResumeReading(PauseReason reason) {
  if (stream_ != nullptr) stream_->ResumeReading(reason);
}

void MuxSocket::ReadNow() {
  if (stream_ != nullptr) stream_->ReadNow();
}

void MuxSocket::Close(CloseReason /*reason*/) {
  if (stream_ != nullptr) std::exchange(stream_, nullptr)->Detach();
}

const Endpoint* MuxSocket::endpoint() const {
  return stream_ != nullptr ? &stream_->endpoint() : nullptr;
}

// A link numbers its streams from 1 on.
SocketStream::LinkUse MuxSocket::link_use() const {
  return {.shared = true, .reused = stream_ != nullptr && stream_->id() > 1};
}

}  // namespace sheaf::pool
