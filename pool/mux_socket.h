// A session's end of a WebSocket that shares a mux link with others.
//
// Owned by the session; made when the app has accepted. The MuxStream behind it is the link's, and outlives it where
// something that the client has sent is still on its way. One thread only. Budget: 16 bytes.
#pragma once

#include "pool/socket_stream.h"

namespace sheaf::pool {

class MuxStream;

class MuxSocket final : public SocketStream {
 public:
  explicit MuxSocket(MuxStream& stream);
  MuxSocket(const MuxSocket&) = delete;
  MuxSocket& operator=(const MuxSocket&) = delete;
  ~MuxSocket() override;

  void SetEvents(SocketEvents& events) override;
  // A hint that gains nothing: records come by themselves.
  void AllowRuns() override {}
  void SendMessage(const wire::FramePiece& piece) override;
  bool SendClose(uint16_t code, std::string_view reason) override;
  void PauseReading(PauseReason reason) override;
  void ResumeReading(PauseReason reason) override;
  // The link is not one client's to defer.
  void DeferReading(size_t /*bytes*/) override {}
  void ReadNow() override;
  void Close(CloseReason reason) override;
  const Endpoint* endpoint() const override;
  LinkUse link_use() const override;

  // For the stream: it is over.
  void Leave() { stream_ = nullptr; }

 private:
  MuxStream* stream_;  // nullptr: over
};

}  // namespace sheaf::pool
