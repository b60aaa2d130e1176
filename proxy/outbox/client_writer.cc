#include "proxy/outbox/client_writer.h"

#include <utility>

#include "proxy/net/loop.h"
#include "proxy/wire/ws_frame.h"

namespace sheaf {

ClientWriter::Waiting& ClientWriter::waiting() {
  if (!waiting_) waiting_ = std::make_unique<Waiting>();
  return *waiting_;
}

void ClientWriter::SendPong(std::string_view payload) {
  if (closed() || said_close_) return;
  std::string pong;
  wire::AppendControlFrame(pong, wire::Opcode::kPong, payload);
  if (HasPlace()) return connection_->Write(pong);
  waiting().pong = std::move(pong);
}

void ClientWriter::SendPing() {
  if (closed() || said_close_) return;
  if (HasPlace()) return WritePing();
  waiting().ping = true;
}

void ClientWriter::WritePing() {
  std::string ping;
  wire::AppendControlFrame(ping, wire::Opcode::kPing, "sheaf");
  ping_written_at_ = connection_->loop().now();
  connection_->Write(ping);
}

void ClientWriter::WriteWaiting() {
  if (!waiting_ || mid_frame_ || closed() || said_close_) return;
  const std::unique_ptr<Waiting> waiting = std::move(waiting_);
  if (!waiting->pong.empty()) connection_->Write(waiting->pong);
  if (waiting->ping && !closed()) WritePing();
}

void ClientWriter::SendClose(uint16_t code, std::string_view reason) {
  if (closed()) return;
  said_close_ = true;
  std::string frame;
  wire::AppendCloseFrame(frame, code, reason);
  connection_->Write(frame);
}

}  // namespace sheaf
