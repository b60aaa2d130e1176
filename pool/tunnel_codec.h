// One open WebSocket on an upstream connection. Frames from the backend are checked and handed on as the bytes they
// came as; a client's pieces go upstream as they are, under the client's own mask. Pings from the backend are answered
// here.
//
// Owned by an UpstreamLink; one thread only. Budget: 104 bytes, it lives as long as the client does.
#pragma once

#include <memory>
#include <string>

#include "pool/codec.h"
#include "proxy/wire/ws_frame.h"

namespace sheaf::pool {

class TunnelStream;

class TunnelCodec final : public Codec {
 public:
  TunnelCodec(CodecHost& host, const wire::FrameLimits& limits);

  // The connection's only stream, from before its first bytes on.
  void Attach(TunnelStream& stream) { stream_ = &stream; }
  // The stream is given up: what was sent still goes out.
  void Detach();
  void AllowRuns() { runs_ = true; }
  void SendMessage(const wire::FramePiece& piece);
  bool SendClose(uint16_t code, std::string_view reason);
  net::Connection& connection() { return host_.connection(); }
  const Endpoint* endpoint() const { return host_.endpoint(); }
  bool reused() const { return host_.reused(); }

  Verdict OnBytes(std::span<uint8_t>& bytes) override;
  Verdict OnEnd() override { return close_received_ ? Verdict::kFinished : Verdict::kGone; }
  CloseReason lost() const override { return CloseReason::kUpstreamGone; }
  void Finish() override;
  void Lose(CloseReason reason) override;
  void OnUpstreamBlocked() override;
  void OnUpstreamDrained() override;
  void OnUpstreamReady() override {
    if (pending_pong_) SendPendingPong();
  }
  void ReportFault(std::string_view upstream, CloseReason reason) const override;
  bool SayWhy(CloseReason reason) override;
  bool all_is_said() const override { return close_sent_ && close_received_; }

 private:
  Fault fault() const;
  // Parts from the stream, which is served no more; returns its events.
  SocketEvents* Leave();
  void AnswerPing(std::span<const uint8_t> payload);
  void SendPendingPong();

  CodecHost& host_;
  TunnelStream* stream_ = nullptr;  // nullptr once it is over, which any callback may bring about
  wire::FrameDecoder decoder_;
  std::unique_ptr<std::string> pending_pong_;  // waits for the end of the frame being sent, or for room
  wire::FrameError error_ = wire::FrameError::kNone;
  bool runs_ = false;       // the stream takes them
  bool mid_frame_ = false;  // a client's frame is half sent: no frame of ours may go between
  bool close_sent_ = false;
  bool close_received_ = false;
};

}  // namespace sheaf::pool
