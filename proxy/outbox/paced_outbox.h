// A BatchOutbox of a route with batching.max_rate or max_bytes_rate: what the rate does not let go stays gathered,
// where it is conflated, dropped, or makes the backend wait, as for a client that is full; flow_control.md tells the
// whole.
//
// Gathered messages leave in order, as many as the rate allows. One that a conflation rule could replace leaves with
// those before it, beyond the rate, which then waits until that is made up for: were the keys sent bit by bit, those
// that change most would always be replaced before their turn.
//
// Everything that is sent counts, but nothing holds a critical message, the answer to a Socket.IO client, nor what is
// in front of them; nor parts of large messages, nor what leaves since the session ends.
#pragma once

#include "proxy/outbox/batch_outbox.h"
#include "proxy/outbox/pacer.h"

namespace sheaf {

class PacedOutbox final : public BatchOutbox {
 public:
  PacedOutbox(WorkerContext& context, OutboxEvents& events, net::Connection& connection, const RoutePlan& plan,
              const Negotiated& negotiated);
  ~PacedOutbox() override;

  void Add(const wire::MessagePart& part) override;
  void Flush(FlushReason reason) override;
  bool held() const override;

 private:
  void Take(const batching::MessageRef& message, Urgency urgency) override;
  void FlushDue(FlushReason reason) override;
  void OnUrgent() override { urgent_ = true; }

  Pacer::Amount rates() const;
  TimePoint ReadyAt() const;
  // What has been sent since the last time.
  void Charge();
  void OnAdded();
  void Wait();
  // Whether the rate, and not the client, is waited for.
  void SetWaiting(bool waiting);

  Pacer pacer_;
  Pacer::Amount charged_;  // of sent()
  bool urgent_ = false;    // what is gathered is not held
  bool waiting_ = false;
};

}  // namespace sheaf
