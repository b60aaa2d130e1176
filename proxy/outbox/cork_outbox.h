// Gathers frames as the bytes they came as, and sends many in one write (and one TLS record). See gathering_outbox.h.
#pragma once

#include <memory>

#include "batching/window.h"
#include "proxy/outbox/gathering_outbox.h"

namespace sheaf {

struct CorkBatch;

class CorkOutbox final : public GatheringOutbox {
 public:
  CorkOutbox(WorkerContext& context, OutboxEvents& events, net::Connection& connection, const RoutePlan& plan,
             const Negotiated& negotiated);
  ~CorkOutbox() override;

  void Add(const wire::MessagePart& part) override;
  void Flush(FlushReason reason) override;
  size_t gathered() const override;
  // A Socket.IO client's answers are looked for.
  bool takes_runs() const override { return !socket_io_; }
  bool passing_on() const override { return passing_; }
  std::string_view delivery() const override { return "cork"; }

 private:
  bool empty() const override { return batch_ == nullptr; }
  batching::Window& window() override { return window_; }
  void Take(const batching::MessageRef& message, Urgency urgency) override;
  void Begin();
  void Gather(const wire::MessagePart& part, TimePoint due);
  void PassOn(const wire::MessagePart& part);

  std::unique_ptr<CorkBatch> batch_;  // lent by the worker while something is gathered
  batching::Window window_;
  bool passing_ = false;  // the message under way is passed on as it comes
};

}  // namespace sheaf
