// The handshake of a WebSocket over a mux link: from its OPEN until the app has accepted, or its refusal has come.
//
// Owned by the MuxLink; serves a PooledStream, whose user hears what comes of it. One thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "pool/codec.h"
#include "pool/mux_slot.h"
#include "pool/upgrade.h"

namespace sheaf::pool {

class MuxLink;

class MuxOpening final : public MuxSlot, public StreamCarrier {
 public:
  // `stream` is served from here on.
  MuxOpening(MuxLink& link, uint32_t id, PooledStream& stream);

  wire::MuxFault OnRecord(const wire::MuxRecord& record) override;
  wire::MuxFault OnShared(const wire::FramePiece& part) override;
  void OnLinkLost(CloseReason reason) override;

  // The user gives it up.
  void Detach(PooledStream& stream, CloseReason reason) override;
  // An upgrade has no body, and an answer is as long as the app's send() makes it: nothing is there to pause.
  void SendBody(PooledStream& /*stream*/, std::string_view /*data*/) override {}
  void FinishBody(PooledStream& /*stream*/) override {}
  void PauseReading(PooledStream& /*stream*/, PauseReason /*reason*/) override {}
  void ResumeReading(PooledStream& /*stream*/, PauseReason /*reason*/) override {}
  size_t Untaken(const PooledStream& /*stream*/) const override { return 0; }

 private:
  // What the app says of a refusal, at most.
  static constexpr uint64_t kMostBody = 16 * 1024 * 1024;

  wire::MuxFault OnAccept(const wire::MuxRecord& record);
  wire::MuxFault OnRefuse(const wire::MuxRecord& record);
  wire::MuxFault OnBody(const wire::MuxRecord& record);
  // `answer` is no valid one: 502 for the client, and the app is told.
  void Break(std::string_view cause, std::string_view seen);
  void FinishRefusal();

  MuxLink& link_;
  PooledStream* stream_;  // nullptr: over
  std::string accept_;    // pieces of an ACCEPT
  uint64_t body_ = 0;     // bytes of a refusal's body that have come
  uint64_t declared_ = 0;
  bool sized_ = false;  // declared_ is what the refusal's head says
  bool refused_ = false;
};

}  // namespace sheaf::pool
