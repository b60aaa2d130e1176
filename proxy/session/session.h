// One client WebSocket from its 101 to its end: passes messages both ways, answers the client's pings, finds dead
// clients by pings of its own, and carries Close codes and reasons across.
//
// Its halves do the work: ClientInput reads the client, an Outbox writes to it. Between them the session keeps what
// concerns both: the backend's stream, activity, the Close handshake and the end. Session.cc reads downwards: messages,
// then the watch, the end, and relief.
//
// Owned by a Worker; one thread only.
//
// Ledger: what an idle plain session takes with the options as shipped, in bytes as malloc rounds them. Where nothing
// is gathered, held or half received, this is all; `tests/bench.sh --scenario idle` measures it (without gathering:
// 1,440).
//
//   Session              368    its halves' constants, a timer, the watch; figures for the log; its id
//   CorkOutbox           224    (PassOutbox 112, BatchOutbox 336, and with deflate a bounded store's contexts)
//   SessionRecord         80    client, target, request id ... for the log, in one block
//   net::Connection      480    two, the client's and the backend's: 96 and libevent's event of 144 each
//   pool                 240    TunnelStream 32, UpstreamLink 96, TunnelCodec 112
//   libevent's tables     48    two descriptors
//   Directory              8    its place, 4 to 8 bytes; of a session with a user besides 32 in its record, a user 48
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <new>
#include <string_view>

#include "pool/socket_stream.h"
#include "proxy/base/clock.h"
#include "proxy/base/list.h"
#include "proxy/base/option_table.h"
#include "proxy/base/session_action.h"
#include "proxy/base/session_id.h"
#include "proxy/net/connection.h"
#include "proxy/net/loop.h"
#include "proxy/outbox/outbox.h"
#include "proxy/plan/negotiation.h"
#include "proxy/plan/route_plan.h"
#include "proxy/session/client_input.h"
#include "proxy/session/client_watch.h"
#include "proxy/session/close_handshake.h"
#include "proxy/session/session_record.h"

namespace sheaf {

class WorkerContext;
struct SessionInfo;

enum class SessionState : uint8_t {
  kOpen,
  kClosing,  // somebody has spoken of the end: what is still due before it has a time limit
  kClosed,   // both ends are given away; the object dies at the end of the turn
};

class Session final : public net::ConnectionEvents,
                      public pool::SocketEvents,
                      public net::DeadlineHandler,
                      private OutboxEvents,
                      private ClientInputEvents {
 public:
  Session(WorkerContext& context, std::unique_ptr<net::Connection> connection,
          std::unique_ptr<pool::SocketStream> stream, const RoutePlan& plan, const Negotiated& negotiated,
          const SessionInfo& info);
  ~Session();

  // `early`: frames that the client sent before the 101.
  void Start(std::string_view early);

  // A polite end begun by us (drain): the message of the backend that is half here ends, the client gets a Close with
  // the reason's code, and what it still sends goes upstream until it answers. The end of that message and the client's
  // answer may take websocket.close_timeout each.
  void BeginClose(CloseReason reason) { BeginClose(reason, nullptr); }
  // The same with these words in place of the reason's.
  void BeginClose(CloseReason reason, const CloseWords& words) { BeginClose(reason, &words); }
  bool closing() const override { return state_ != SessionState::kOpen; }
  const RoutePlan& plan() const { return *plan_; }
  // Its route, or its endpoint, is to have no sessions any more.
  bool leaving() const;
  // nullptr: there is none, or it is over.
  const pool::Endpoint* endpoint() const { return stream_ ? stream_->endpoint() : nullptr; }

  // A message that another than the backend sends: behind what the backend has sent by now. False: the client does not
  // get it, since too much waits for it, or since the session is on its way out. Not from within an event of the
  // session's ends. The session may close.
  [[nodiscard]] bool Deliver(const batching::MessageRef& message, Urgency urgency);

  // Who it is.
  SessionId id() const { return id_; }
  std::string_view target() const { return record_.target(); }  // as it may be shown
  std::string_view user() const { return record_.user(); }      // empty: none
  UserEntry* user_entry() const { return record_.user_entry(); }
  bool socket_io() const { return socket_io_; }
  // For who looks at it (session_facts.h), as long as it is not closed.
  const Outbox& outbox() const { return *outbox_; }
  const ClientInput& input() const { return input_; }
  const ClientWatch& watch() const { return watch_; }
  const SessionRecord& record() const { return record_; }
  const net::Connection& connection() const { return *connection_; }
  const pool::SocketStream* stream() const { return stream_.get(); }  // nullptr: the backend's side is over
  uint16_t client_pauses() const { return client_pauses_; }           // as SessionErrors has them
  // The directory, when the session joins it.
  void SetId(SessionId id) { id_ = id; }

  // The end: a Close frame if one is due and possible, then both connections go. May be called twice. Close does not
  // fail: where there is no memory even for this, the process ends.
  void Close(CloseReason reason) noexcept override;

  // For relief from memory pressure. When the last application message, either way, came; up to
  // WorkerContext::activity_grain later.
  TimePoint active_at() const { return active_at_; }
  // Nothing is half sent or half received, and the route allows it: a Close would cut nothing off.
  bool MayShed() const;
  // What MayShed is for a session that costs much: of a message from the backend the rest would not reach a client that
  // reads nothing, and while its queue is full the backend is mostly stopped amid a message.
  bool MayShedByCost() const;
  // Politely; at once a client that reads nothing, with what waits for it.
  void Shed();
  // The loop's marks are lower now.
  void ObeyMarks() { outbox_->ObeyMarks(); }
  // What waits for the client has not moved for so long; and that is longer than a client is given to answer a Close.
  Duration StalledFor() const { return connection_->StalledFor(); }
  bool ReadsNothing() const;
  // Nothing waits to be sent.
  bool flushed() const { return outbox_->waiting() == 0; }
  // What is held for this session beyond what an idle one costs; and with that, about.
  size_t cost() const;
  size_t memory() const;
  // What is gathered leaves, if the client reads. Returns the bytes that left.
  size_t FlushForMemory() { return FlushGathered(FlushReason::kPressure); }
  // The same, with what the backend has sent by now, since an operator wants it.
  size_t FlushForOperator();

  // net::ConnectionEvents: the client
  void OnBytes(std::span<uint8_t> bytes) override;
  void OnEnd(net::ConnectionEnd end) override;
  void OnOutputBlocked() override { outbox_->OnOutputBlocked(); }
  void OnOutputDrained() override;
  void OnOutputEmpty() override;

  // pool::SocketEvents: the backend
  void OnUpstreamEnd() override;
  void OnUpstreamMessage(const wire::FramePiece& piece) override;
  void OnUpstreamPing() override;
  void OnUpstreamClose(uint16_t code, std::string_view reason) override;
  void OnUpstreamBlocked() override;
  void OnUpstreamDrained() override;
  void OnUpstreamClosed(CloseReason reason) override;

  void OnDeadline(net::Deadline& deadline) override;

  ListHook hook_;                  // the worker's list
  Session* next_by_id_ = nullptr;  // the directory

 private:
  static constexpr std::chrono::duration<double> kSpreadOfLostSessions{0.5};
  static constexpr std::chrono::milliseconds kLastAnswers{250};

  // What an idle session costs, its upstream link included: measured (tests/bench/README.md, "Memory").
  static constexpr size_t kPlainBytes = 1300;
  static constexpr size_t kTlsBytes = 14'000;  // besides

  // OutboxEvents
  void PauseUpstream() override;
  void ResumeUpstream() override;
  void DeferUpstream(size_t bytes) override;
  void ReadUpstream() override;
  void WatchForStall() override;
  void GiveUp(CloseReason reason) override;

  // ClientInputEvents
  void OnClientMessage(size_t size) override;
  void OnClientPing(std::string_view payload) override;
  void OnClientClose(uint16_t code, std::string_view reason) override;
  void OnClientError(CloseReason reason) override;
  bool upstream_full() const override { return connection_->paused(PauseReason::kPeerFull); }

  // Does `work`; where memory for it cannot be had, this session ends, and no other. What it was about is lost: of the
  // library's exceptions it is the only one there can be, and no state of ours depends on it.
  template <typename Work>
  void WithMemory(Work work) {
    try {
      work();
    } catch (const std::bad_alloc&) {
      GiveUp(CloseReason::kOutOfMemory);
    }
  }

  bool closed() const { return state_ == SessionState::kClosed; }
  // States only follow each other in their order; one that is reached stays.
  void MoveTo(SessionState next);
  void OnLateMessage(const wire::MessagePart& part);
  // An application message, in either direction.
  void NoteActivity();
  // Engine.IO's pings and pongs are messages to us: they ask for nothing, and a client that gets nothing else is idle.
  bool IsEngineIoBeat(uint64_t bytes) const { return socket_io_ && bytes == 1; }
  // What is gathered leaves now.
  void FlushOutbox(FlushReason reason);
  size_t FlushGathered(FlushReason reason);

  ClientWatch::View ViewOfClient() const;
  ClientWatch::Limits WatchLimits() const;
  void CheckClient();
  void SetNextLook();

  // What the handshake says comes next.
  void Go(CloseHandshake::Next next, CloseReason reason);
  void BeginClose(CloseReason reason, const CloseWords* words);
  void SendClose(uint16_t code, std::string_view reason);
  // The Close that the session's end brings about.
  void SendReason();
  void SendOwnClose();
  void SendLastClose();
  void SayTheRest(bool flush);
  void DropStream();
  // Memory is what the end is about: what the client does not read in time is not kept for it any longer.
  bool GivesUpWhatWaits() const;
  void CountEnd() const;

  WorkerContext& context_;
  const RoutePlanRef plan_;  // before all that refers to the plan
  std::unique_ptr<net::Connection> connection_;
  std::unique_ptr<pool::SocketStream> stream_;  // nullptr: the backend's side is over
  std::unique_ptr<Outbox> outbox_;
  ClientInput input_;
  net::Deadline deadline_;  // the next look at the client, or the end of the patience with a Close handshake
  ClientWatch watch_;
  SessionRecord record_;
  TimePoint active_at_;
  SessionId id_;
  std::unique_ptr<const CloseWords> words_;  // an operator's, for our Close; nullptr: those of its reason
  CloseHandshake close_;
  SessionState state_ = SessionState::kOpen;
  const bool socket_io_;
  uint16_t client_pauses_ = 0;  // saturated
};

}  // namespace sheaf
