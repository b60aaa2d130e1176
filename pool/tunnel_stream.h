// A session's end of a WebSocket that has an upstream connection of its own.
//
// Owned by the session, made by UpstreamLink::OpenTunnel. One thread only. Budget: 24 bytes.
#pragma once

#include "pool/socket_stream.h"

namespace sheaf::pool {

class TunnelCodec;

class TunnelStream final : public SocketStream {
 public:
  explicit TunnelStream(TunnelCodec& codec);
  TunnelStream(const TunnelStream&) = delete;
  TunnelStream& operator=(const TunnelStream&) = delete;
  ~TunnelStream() override;

  void SetEvents(SocketEvents& events) override { events_ = &events; }
  void AllowRuns() override;
  void SendMessage(const wire::FramePiece& piece) override;
  bool SendClose(uint16_t code, std::string_view reason) override;
  void PauseReading(PauseReason reason) override;
  void ResumeReading(PauseReason reason) override;
  void DeferReading(size_t bytes) override;
  void ReadNow() override;
  void Close(CloseReason reason) override;
  const Endpoint* endpoint() const override;
  LinkUse link_use() const override;

  // For the codec: who is told, and that the tunnel is over.
  SocketEvents* events() const { return events_; }
  void Leave() { codec_ = nullptr; }

 private:
  TunnelCodec* codec_;  // nullptr: over
  SocketEvents* events_ = nullptr;
};

}  // namespace sheaf::pool
