// What a session does with messages on their way to the client when they are not just passed on: gathers them, and
// sends them together. One of two kinds:
//
//   CorkOutbox    frames stay the bytes they came as, many in one write
//   BatchOutbox   whole messages: batch frames, compression, rules, dropping and conflating for slow clients
//
// MakeOutbox picks by the route and by what was negotiated; a session that needs neither has none.
//
// While a batch waits for its time, reading from the backend waits with it where RoutePlan::may_defer_reading, from one
// window to the next as long as the rate earns the wait: one read then takes in what many would have.
//
// Owned by a session; one thread only. The session is the FrameSink. Nothing is sent while the client's socket is full
// (but at the end): what waits here can still be conflated, and joins a larger batch.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "batching/batcher.h"
#include "proxy/base/clock.h"
#include "proxy/base/list.h"
#include "proxy/base/metric_table.h"
#include "proxy/base/status.h"
#include "proxy/net/tick_wheel.h"
#include "proxy/wire/ws_frame.h"

namespace sheaf {

class WorkerContext;
struct Negotiated;
struct RoutePlan;

// Where frames go, and what is told of them.
class FrameSink {
 public:
  // Frames, or the next part of one; `ends_frame`: the last of `bytes` ends a frame.
  virtual void WriteFrames(std::span<const uint8_t> bytes, bool ends_frame) = 0;
  // The client's socket takes no more at the moment. OnClientReady follows.
  virtual bool client_full() const = 0;
  // So many messages with so many bytes of payload were written, in so many frames.
  virtual void OnSent(size_t messages, size_t bytes, size_t frames) = 0;
  // Reading from the backend waits until about `bytes` have come (SocketStream::DeferReading); 1: not any more.
  virtual void DeferUpstream(size_t bytes) = 0;
  // Reads what has come, though reading is deferred.
  virtual void ReadUpstream() = 0;
  // The message under way cannot be delivered: the session must end.
  virtual void GiveUp(CloseReason reason) = 0;

 protected:
  ~FrameSink() = default;
};

class Outbox : public net::DeadlineHandler {
 public:
  Outbox(WorkerContext& context, FrameSink& sink, const RoutePlan& plan, const Negotiated& negotiated);
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;
  virtual ~Outbox();

  // A piece of a message from the backend.
  virtual void Add(const wire::FramePiece& piece) = 0;
  // The client has sent an application message: its answer does not wait, nor what the backend sent before it.
  void OnClientMessage();
  // All that is gathered goes to the sink now, though the client's socket may be full.
  virtual void Flush(FlushReason reason) = 0;
  // Throws away what may be thrown away, the oldest first, until no more than `most` bytes are held.
  virtual void DropDownTo(size_t /*most*/) {}
  virtual bool empty() const = 0;
  // The message under way goes to the sink as it comes.
  virtual bool passing_on() const = 0;
  // What is held, about, with what it takes to hold it.
  virtual size_t bytes() const = 0;
  // Besides: what is gathered of a message before it can leave, whole or in parts. Reading on completes it, not
  // sending, so this alone must never stop the reading for good.
  virtual size_t partial_bytes() const { return 0; }

  // Memory of a compression context that is kept between messages.
  virtual size_t context_bytes() const { return 0; }

  // Takes in what the backend has sent while its reading was deferred, which is over. Not from within an event of the
  // backend.
  void CatchUp();
  // The session is closed: nothing more is sent.
  void Stop();
  // The client's socket takes bytes again.
  void OnClientReady() { FlushIfReady(FlushReason::kDrained); }
  // The worker, at the end of the turn.
  void OnTurnEnd();

  void OnDeadline(net::Deadline& deadline) override;

  ListHook turn_hook_;  // the worker's list of those that flush at the end of this turn

 protected:
  void FlushAtTurnEnd(FlushReason reason);
  // `message`: bytes of the batch's first one on the wire, about. Until `due` the backend's messages may wait in the
  // kernel as well as here, where each would cost a wake-up and a read.
  void FlushAt(TimePoint due, size_t message);
  virtual batching::Window& window() = 0;
  // `packet`: a message, or its first piece.
  void LetAnswerPass(std::string_view packet);
  // What is gathered is on its way: no more need to wake up for it.
  void CancelFlush();
  // Figures of one batch.
  void CountBatch(BatchForm form, size_t messages);

  WorkerContext& context_;
  FrameSink& sink_;
  const RoutePlan& plan_;
  const batching::BatchLimits& limits_;  // of the plan, for a client with an envelope or for one without

 private:
  void FlushIfReady(FlushReason reason);
  void Defer(size_t message);
  void DeferOn();

  net::Deadline due_;
  uint32_t deferred_ = 0;  // reading from the backend waits for due_, or for so many bytes; 0: it does not wait

 protected:
  const bool socket_io_;

 private:
  bool asked_ = false;  // by the client, in this turn
  FlushReason turn_reason_ = FlushReason::kAtOnce;
};

// nullptr: pieces are passed on as they come.
std::unique_ptr<Outbox> MakeOutbox(WorkerContext& context, FrameSink& sink, const RoutePlan& plan,
                                   const Negotiated& negotiated);

}  // namespace sheaf
