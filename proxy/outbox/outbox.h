// What stands between a session and its client's connection: the writing half of that connection (ClientWriter), what
// is gathered before it is written, and what is done when the client does not keep up (Backpressure, flow_control.md).
// One of four kinds:
//
//   PassOutbox    parts of messages are passed on as they come: nothing is gathered
//   CorkOutbox    frames stay the bytes they came as, many in one write
//   BatchOutbox   whole messages: batch frames, compression, rules, dropping and conflating for slow clients
//   PacedOutbox   a BatchOutbox that holds them back to the route's rate
//
// MakeOutbox picks by the route and by what was negotiated.
//
// Messages come from the backend in parts (Add), and whole from others (Deliver): what is pushed. Both leave in the
// order in which they came, by the same rules. Amid a message that is passed on as it comes, what is pushed waits for
// its end.
//
// Of what waits for a client, `queued` is in the connection, and `gathered` is here.
//
// Owned by a session; one thread only. Any call may close the session, through OutboxEvents; none destroys anything.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "batching/message.h"
#include "proxy/base/metric_table.h"
#include "proxy/base/status.h"
#include "proxy/outbox/backpressure.h"
#include "proxy/outbox/client_writer.h"
#include "proxy/plan/context.h"
#include "proxy/wire/message.h"

namespace sheaf {

struct Negotiated;
class RoutePlan;

// What an outbox wants of its session.
class OutboxEvents {
 public:
  // The backend is not read, since too much waits for the client; and again.
  virtual void PauseUpstream() = 0;
  virtual void ResumeUpstream() = 0;
  // Reading from the backend waits until about `bytes` have come (SocketStream::DeferReading); 1: not any more.
  virtual void DeferUpstream(size_t bytes) = 0;
  // Reads what has come, though reading is deferred.
  virtual void ReadUpstream() = 0;
  // Something waits for the client: whether it stalls is to be watched.
  virtual void WatchForStall() = 0;
  // The session is on its way out anyway.
  virtual bool closing() const = 0;
  // The session ends; GiveUp: amid a message that cannot be delivered, and the backend is told why.
  virtual void Close(CloseReason reason) = 0;
  virtual void GiveUp(CloseReason reason) = 0;

 protected:
  ~OutboxEvents() = default;
};

class Outbox {
 public:
  // What has been sent to the client.
  struct Sent {
    uint64_t messages = 0;
    uint64_t bytes = 0;  // of their payload
    uint64_t frames = 0;
  };

  Outbox(WorkerContext& context, OutboxEvents& events, net::Connection& connection, const RoutePlan& plan);
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;
  virtual ~Outbox() = default;

  // A part of a message from the backend. Not behind a Close to the client.
  virtual void Add(const wire::MessagePart& part) = 0;
  // A whole message of another than the backend, behind what the backend has sent by now. False: it is not taken, since
  // too much waits for the client, or since the session is on its way out. Not from within an event of the backend.
  [[nodiscard]] bool Deliver(const batching::MessageRef& message, Urgency urgency);
  // The client has sent an application message: its answer does not wait, nor what the backend sent before it.
  virtual void OnClientMessage() {}
  // What is gathered is written now, all of it, though the client may be full.
  virtual void Flush(FlushReason /*reason*/) {}
  // Takes in what the backend has sent while its reading was deferred, which is over. Not from within an event of the
  // backend.
  virtual void CatchUp() {}
  // The session is over: nothing more is written, and no event follows.
  virtual void Stop() { writer_.Close(); }

  // Throws away what may be thrown away, the oldest first, until no more than `most` bytes are gathered.
  virtual void DropDownTo(size_t /*most*/) {}
  // What is gathered, about, with what it takes to hold it.
  virtual size_t gathered() const { return 0; }
  // Besides: what is here of a message before it can leave, whole or in parts. Reading on completes it, not sending, so
  // this alone must never stop the reading for good.
  virtual size_t partial() const { return 0; }
  // Besides: what is pushed and waits for the end of a message that is passed on. As above, reading on lets it go.
  size_t parked() const { return parked_ ? parked_->bytes : 0; }
  // Memory of a compression context that is kept between messages.
  virtual size_t context_bytes() const { return 0; }
  // A part may be a run of messages: none is looked at by itself.
  virtual bool takes_runs() const { return false; }
  // What is gathered waits for the route's rate, though the client would take it.
  virtual bool held() const { return false; }
  // What is gathered has to wait, for the client or for the rate.
  bool must_wait() const { return writer_.full() || held(); }
  // The message under way is written as it comes.
  virtual bool passing_on() const = 0;

  // For who looks at sessions: in which form messages leave (proxy/base/session_view.h). Constants.
  virtual std::string_view delivery() const = 0;
  virtual std::string_view compression() const { return "none"; }
  // Messages that batching.slow_client has dropped.
  virtual uint64_t dropped() const { return 0; }
  // Saturated: how often the backend was stopped, and pushed messages that were not taken.
  uint16_t pauses() const { return backpressure_.pauses(); }
  uint16_t not_taken() const { return not_taken_; }

  ClientWriter& writer() { return writer_; }
  const ClientWriter& writer() const { return writer_; }

  const Sent& sent() const { return sent_; }

  // Bytes that wait for the client, queued or gathered.
  size_t waiting() const { return writer_.queued() + gathered(); }
  // The message of the backend that came last, so far: its payload's bytes, and whether its end is still to come.
  uint64_t message_bytes() const { return message_bytes_; }
  bool amid_message() const { return amid_message_; }

  // net::ConnectionEvents: the session hands these on.
  void OnOutputBlocked() { backpressure_.OnOutputBlocked(*this); }
  void OnOutputDrained();
  void OnOutputEmpty();
  // The loop's marks are lower now.
  void ObeyMarks() { backpressure_.ObeyMarks(*this); }

 protected:
  // Every part, before anything else is done with it.
  void Note(const wire::MessagePart& part) {
    amid_message_ = !part.last;
    message_bytes_ = part.first ? part.payload.size() : message_bytes_ + part.payload.size();
  }
  // At the end of Add: what is pushed goes on behind the message that has ended.
  void OnPartAdded() {
    if (parked_ && MayJoin()) DeliverParked();
  }
  // No message of the backend is half written, so that another may go before its rest.
  virtual bool MayJoin() const { return !amid_message_; }
  virtual void Take(const batching::MessageRef& message, Urgency urgency) = 0;
  // The client takes bytes again.
  virtual void OnClientReady() {}

  // So many messages with so many bytes of payload were written, in so many frames.
  void Count(size_t messages, size_t bytes, size_t frames) {
    sent_.messages += messages;
    sent_.bytes += bytes;
    sent_.frames += frames;
    context_.metrics().messages_to_clients_total.Add(messages);
    context_.metrics().message_bytes_to_clients_total.Add(bytes);
  }
  const net::BufferMarks& marks() const { return context_.loop().marks(); }

  WorkerContext& context_;
  OutboxEvents& events_;
  ClientWriter writer_;

 private:
  friend class Backpressure;

  // Pushed messages that wait for the end of the one that is passed on.
  struct Parked {
    struct Place {
      batching::MessageRef message;
      Urgency urgency;
    };
    std::vector<Place> messages;
    size_t bytes = 0;
  };

  static constexpr int kMostReads = 8;  // for one pushed message

  // What the backend has sent and nobody has read yet comes before what is pushed now.
  void TakeIn();
  void Park(const batching::MessageRef& message, Urgency urgency);
  void DeliverParked();

  std::unique_ptr<Parked> parked_;
  Sent sent_;
  uint64_t message_bytes_ = 0;
  bool amid_message_ = false;

 protected:
  Backpressure backpressure_;

 private:
  uint16_t not_taken_ = 0;
};

std::unique_ptr<Outbox> MakeOutbox(WorkerContext& context, OutboxEvents& events, net::Connection& connection,
                                   const RoutePlan& plan, const Negotiated& negotiated);

}  // namespace sheaf
