// The writing half of a client's connection: frames of messages go through here, and control frames of our own find
// their place between them. Counts what has been sent.
//
// Owned by an outbox; one thread only. The connection is the session's; Close parts the two.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "proxy/base/clock.h"
#include "proxy/net/connection.h"

namespace sheaf {

class ClientWriter {
 public:
  explicit ClientWriter(net::Connection& connection) : connection_(&connection) {}
  ClientWriter(const ClientWriter&) = delete;
  ClientWriter& operator=(const ClientWriter&) = delete;

  // Frames, or the next part of one; `ends_frame`: the last of `bytes` ends a frame. The connection may break, and the
  // session close, within this call.
  void Write(std::span<const uint8_t> bytes, bool ends_frame) {
    if (closed()) return;
    connection_->Write(bytes);
    mid_frame_ = !ends_frame;
    // Also while the client is full: frames may follow each other for long before its queue is empty.
    if (ends_frame && waiting_) WriteWaiting();
  }

  // Control frames are sent at once, or wait for their place: the end of a frame that is half sent, or room. Of Pongs
  // only the latest is due (RFC 6455 5.5.3). Behind a Close nothing is sent.
  void SendPong(std::string_view payload);
  void SendPing();
  // There must be a place for it: not amid a frame.
  void SendClose(uint16_t code, std::string_view reason);
  // Writes what waits, if it has a place now. Full or not: the queue is in order.
  void WriteWaiting();

  // A ping of ours has not left: it waits for its place, or in the queue.
  bool ping_waits() const { return (waiting_ && waiting_->ping) || full(); }
  // When our last ping got its place.
  TimePoint ping_written_at() const { return ping_written_at_; }

  // A frame is half sent.
  bool mid_frame() const { return mid_frame_; }
  // The kernel takes no more at the moment, or nothing is sent any more.
  bool full() const { return closed() || connection_->full(); }
  // Written, and not yet taken by the kernel.
  size_t queued() const { return closed() ? 0 : connection_->queued(); }

  // The session is over: nothing more is written.
  void Close() { connection_ = nullptr; }
  bool closed() const { return connection_ == nullptr; }

 private:
  struct Waiting {
    std::string pong;
    bool ping = false;
  };
  bool HasPlace() const { return !mid_frame_ && !full(); }
  Waiting& waiting();
  void WritePing();

  net::Connection* connection_;
  std::unique_ptr<Waiting> waiting_;  // control frames
  TimePoint ping_written_at_{};
  bool mid_frame_ = false;
  bool said_close_ = false;
};

}  // namespace sheaf
