// Gathers frames as the bytes they came as, and sends many in one write (and one TLS record). See outbox.h.
#pragma once

#include <vector>

#include "batching/window.h"
#include "proxy/outbox/outbox.h"

namespace sheaf {

class CorkOutbox final : public Outbox {
 public:
  CorkOutbox(WorkerContext& context, FrameSink& sink, const RoutePlan& plan, const Negotiated& negotiated);
  ~CorkOutbox() override;

  void Add(const wire::FramePiece& piece) override;
  void Flush(FlushReason reason) override;
  bool empty() const override { return gathered_.empty(); }
  bool passing_on() const override { return passing_; }
  size_t bytes() const override { return gathered_.size(); }

 private:
  batching::Window& window() override { return window_; }
  void Begin();
  void PassOn(const wire::FramePiece& piece);

  std::vector<uint8_t> gathered_;  // lent by the worker
  TimePoint oldest_{};
  uint32_t messages_ = 0;  // whole ones in gathered_
  uint32_t payload_ = 0;   // bytes of them, parts of messages included
  batching::Window window_;
  bool passing_ = false;  // the message under way is passed on as it comes
  size_t whole_ = 0;      // bytes of gathered_ up to the end of its last whole frame
};

}  // namespace sheaf
