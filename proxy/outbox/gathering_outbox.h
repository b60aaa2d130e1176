// What the outboxes that gather have in common: when what is gathered leaves. At the end of the turn, or when a batch's
// time is up (batching::Window), but never while the client is full: what waits here can still be conflated, and joins
// a larger batch. Only an end does not wait for that.
//
// While a batch waits for its time, reading from the backend waits with it where RoutePlan::may_defer_reading, from one
// window to the next as long as the rate earns the wait: one read then takes in what many would have.
#pragma once

#include <string_view>

#include "batching/batcher.h"
#include "proxy/base/clock.h"
#include "proxy/base/list.h"
#include "proxy/net/tick_wheel.h"
#include "proxy/outbox/outbox.h"

namespace sheaf {

class GatheringOutbox : public Outbox, private net::DeadlineHandler {
 public:
  GatheringOutbox(WorkerContext& context, OutboxEvents& events, net::Connection& connection, const RoutePlan& plan,
                  const Negotiated& negotiated);
  ~GatheringOutbox() override;

  void OnClientMessage() override;
  void CatchUp() override;
  void Stop() override;
  // The worker, at the end of the turn.
  void OnTurnEnd();

  ListHook turn_hook_;  // of OutboxStores: those that flush at the end of this turn

 protected:
  void OnClientReady() override;
  virtual bool empty() const = 0;
  virtual batching::Window& window() = 0;
  // Something is gathered, the client takes it, and its time has come.
  virtual void FlushDue(FlushReason reason) { Flush(reason); }
  // A critical message is about to be gathered, or an answer for certain: no rate holds it.
  virtual void OnUrgent() {}

  void FlushAtTurnEnd(FlushReason reason);
  // `message`: bytes of the batch's first one on the wire, about. Until `due` the backend's messages may wait in the
  // kernel as well as here, where each would cost a wake-up and a read.
  void FlushAt(TimePoint due, size_t message);
  // `packet`: a message, or its first part.
  void LetAnswerPass(std::string_view packet);
  // What is gathered is on its way: no more need to wake up for it.
  void CancelFlush();
  // More may be gathered than before.
  void CheckGrowth() {
    if (writer_.full()) backpressure_.OnGrowth(*this);
  }
  // Of the plan, for a client with an envelope or for one without.
  const batching::BatchLimits& limits() const;
  // The same for a pushed message, which may be one that waits for company in any case.
  batching::BatchLimits LimitsFor(Urgency urgency) const;
  // Figures of one batch.
  void CountBatch(BatchForm form, size_t messages);

  const RoutePlan& plan_;

 private:
  void OnDeadline(net::Deadline& deadline) override;
  void Unschedule();
  void FlushIfReady(FlushReason reason);
  void Defer(size_t message);
  void DeferOn();

  net::Deadline due_;
  uint32_t deferred_ = 0;  // reading from the backend waits for due_, or for so many bytes; 0: it does not wait

 protected:
  const bool socket_io_;
  const bool enveloped_;

 private:
  bool asked_ = false;  // by the client, in this turn
  FlushReason turn_reason_ = FlushReason::kAtOnce;
};

}  // namespace sheaf
