// One use of the pool: waits in it until a link is found, then stands between the link and the user.
//
// Owned by the user; made by Upstream::Open. One thread only.
#pragma once

#include <cstdint>
#include <memory>

#include "pool/upstream_stream.h"
#include "proxy/base/clock.h"
#include "proxy/base/list.h"

namespace sheaf::pool {

class UpstreamLink;
class Upstream;

class PooledStream final : public UpstreamStream {
 public:
  PooledStream(Upstream& upstream, UpstreamRequest request, UpstreamEvents& events, TimePoint now);
  ~PooledStream() override;

  void SetEvents(UpstreamEvents& events) override { events_ = &events; }
  void SendBody(std::string_view data) override;
  void FinishBody() override;
  void SendMessage(const wire::FramePiece& piece) override;
  bool SendClose(uint16_t code, std::string_view reason) override;
  void PauseReading(PauseReason reason) override;
  void ResumeReading(PauseReason reason) override;
  void DeferReading(size_t bytes) override;
  void ReadDeferred() override;
  void Close(CloseReason reason) override;
  size_t Untaken() const override;
  bool leased() const override { return link_ != nullptr; }
  bool reused() const override { return reused_; }

 private:
  friend class Upstream;
  friend class UpstreamLink;

  Upstream& upstream_;
  UpstreamEvents* events_;
  std::unique_ptr<UpstreamRequest> request_;  // until the link needs it no more
  UpstreamLink* link_ = nullptr;
  ListHook waiting_hook_;
  TimePoint opened_;
  CloseReason failed_ = CloseReason::kNone;  // told at the end of the turn, since Open may not call back
  bool reused_ = false;
  bool retried_ = false;
  bool blocked_ = false;  // more of the body waits for a connection than the high mark
};

}  // namespace sheaf::pool
