// What a mux link sends: the records of a turn go side by side in one frame, and what counts against the link's window
// waits when that is used up.
//
// Part of a MuxLink; one thread only. Between two turns it holds no memory but its buffer's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "pool/socket_stream.h"
#include "proxy/base/metrics.h"
#include "proxy/wire/mux_frame.h"

namespace sheaf::pool {

class MuxOutputEvents {
 public:
  // The first record since Flush has been added.
  virtual void OnMuxOutput() = 0;

 protected:
  ~MuxOutputEvents() = default;
};

class MuxOutput {
 public:
  MuxOutput(MuxOutputEvents& events, WorkerMetrics& metrics) : events_(events), metrics_(metrics) {}
  MuxOutput(const MuxOutput&) = delete;
  MuxOutput& operator=(const MuxOutput&) = delete;

  // From the link's 101 on; nullptr: nothing is sent any more.
  void SetSocket(SocketStream* socket) { socket_ = socket; }
  // The app's window, once it is known: 0 for any.
  void SetWindow(uint32_t bytes);
  // A CREDIT for the link. False: more than there can be.
  [[nodiscard]] bool AddCredit(uint32_t bytes);
  // The connection takes no more at the moment, or does again.
  void SetBlocked(bool blocked) { blocked_ = blocked; }
  bool blocked() const { return blocked_; }

  // What counts against the window may be added.
  bool may_send() const { return credit_ > 0 && !blocked_; }

  // Records that do not count: append to this, then call Added.
  std::string& records();
  void Added();
  // An OPEN, all of it: Added, and counted.
  void AddedOpen(size_t bytes);
  // A piece of a message. `mask`: that the payload is under, in memory order.
  void AddData(wire::MuxType type, bool more, uint32_t stream, std::span<const uint8_t> payload, uint32_t mask);

  bool empty() const { return frame_.size() <= wire::kMaxFrameHeader; }
  size_t size() const { return empty() ? 0 : frame_.size() - wire::kMaxFrameHeader; }
  // Sends what has been added, as one frame.
  void Flush();

 private:
  // A frame that is as long is sent before the turn's end.
  static constexpr size_t kLongFrame = 64 * 1024;
  // A buffer that grew larger is not kept.
  static constexpr size_t kKeepCapacity = 64 * 1024;

  void Count(size_t bytes);

  MuxOutputEvents& events_;
  WorkerMetrics& metrics_;
  SocketStream* socket_ = nullptr;
  std::string frame_;  // behind room for its header
  int64_t credit_ = 0;
  bool told_ = false;  // of what has been added
  bool counts_ = true;
  bool blocked_ = false;
};

}  // namespace sheaf::pool
