// One client WebSocket from its 101 to its end: passes messages both ways, answers the client's pings, finds dead
// clients by pings of its own, and carries Close codes and reasons across. What is gathered on the way to the client is
// its outbox's affair; whether the client keeps up is the session's.
//
// The data path reads downwards in session.cc, in calling order. Owned by a Worker; one thread only. Budget: 384 bytes,
// the outbox, and the strings of SessionInfo.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pool/socket_stream.h"
#include "proxy/base/clock.h"
#include "proxy/base/list.h"
#include "proxy/base/log_value.h"
#include "proxy/base/option_table.h"
#include "proxy/base/token_bucket.h"
#include "proxy/net/connection.h"
#include "proxy/net/loop.h"
#include "proxy/outbox/outbox.h"
#include "proxy/plan/negotiation.h"
#include "proxy/plan/route_plan.h"
#include "proxy/session/client_inflater.h"
#include "proxy/session/close_handshake.h"
#include "proxy/wire/ws_frame.h"

namespace sheaf {

class WorkerContext;
struct SessionInfo;

class Session final : public net::ConnectionEvents,
                      public pool::SocketEvents,
                      public net::DeadlineHandler,
                      private FrameSink {
 public:
  Session(WorkerContext& context, std::unique_ptr<net::Connection> connection,
          std::unique_ptr<pool::SocketStream> stream, const RoutePlan& plan, const Negotiated& negotiated,
          const SessionInfo& info);
  ~Session();

  // `early`: frames that the client sent before the 101.
  void Start(std::string_view early);

  // A polite end begun by us (drain): the message of the backend that is half here ends, the client gets a Close with
  // the reason's code, and what it still sends goes upstream until it answers. Each may take websocket.close_timeout.
  void BeginClose(CloseReason reason);
  bool closing() const { return close_.begun(); }
  const RoutePlan& plan() const { return *plan_; }
  // For relief from memory pressure. When the last application message, either way, came; up to
  // WorkerContext::activity_grain later.
  TimePoint active_at() const { return active_at_; }
  // Nothing is half sent or half received, and the route allows it: a Close would cut nothing off.
  bool MayShed() const;
  // The same for one that holds much: of a message from the backend the rest would not reach a client that reads
  // nothing, and while its queue is full the backend is mostly stopped amid a message.
  bool MayShedByCost() const;
  // Politely; at once a client that reads nothing, with what waits for it, and one for which a large message is
  // gathered.
  void Shed();
  // The loop's marks are lower now.
  void ObeyMarks();
  // What waits for the client has not moved for so long; and that is longer than a client is given to answer a Close.
  Duration StalledFor() const { return connection_->StalledFor(); }
  bool ReadsNothing() const;
  // Nothing waits to be sent.
  bool flushed() const { return waiting() == 0; }
  // What is held for this session beyond what an idle one costs; and with that, about.
  size_t held_bytes() const;
  size_t memory() const;
  // What is gathered leaves, if the client reads. Returns the bytes that left.
  size_t FlushForMemory();

  // The end: a Close frame if one is due and possible, then both connections go. May be called twice.
  void Close(CloseReason reason);

  // net::ConnectionEvents: the client
  void OnBytes(std::span<uint8_t> bytes) override;
  void OnEnd(net::ConnectionEnd end) override;
  void OnOutputBlocked() override;
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

  ListHook hook_;  // the worker's list

 private:
  static constexpr std::chrono::duration<double> kSpreadOfLostSessions{0.5};
  static constexpr std::chrono::milliseconds kLastAnswers{250};
  static constexpr size_t kInfoStrings = 6;  // of SessionInfo

  // FrameSink
  void WriteFrames(std::span<const uint8_t> bytes, bool ends_frame) override;
  bool client_full() const override { return connection_ == nullptr || connection_->full(); }
  void OnSent(size_t messages, size_t bytes, size_t frames) override;
  void DeferUpstream(size_t bytes) override;
  void ReadUpstream() override;
  void GiveUp(CloseReason reason) override;

  // What is gathered leaves now.
  void FlushOutbox(FlushReason reason);

  // How much waits for the client, and what is done about too much of it (batching.slow_client).
  size_t waiting() const;
  void CheckHighMark();
  void CheckLowMark();
  void CloseTooSlow();
  void PauseUpstream();
  void WatchForStall();
  // More than is gathered of an ordinary message waits for its end. None of it has left.
  bool GathersLarge() const;

  static constexpr size_t kSlice = 1024;
  static constexpr size_t kBurst = 4 * net::Loop::kReceiveBuffer;  // what one turn may add to a connection, and more

  // What an idle session costs, its upstream link included: measured (tests/bench/README.md, "Memory").
  static constexpr size_t kPlainBytes = 1300;
  static constexpr size_t kTlsBytes = 14'000;  // besides

  void NoteMessage(uint64_t bytes);
  // Engine.IO's pings and pongs are messages to us.
  bool IsEngineIoBeat(uint64_t bytes) const { return socket_io_ && bytes == 1; }
  bool ClientIsWhole() const;
  void Take(std::span<uint8_t> bytes);
  void TakeCompressed(std::span<uint8_t> bytes);
  void PassOnToUpstream(const wire::FramePiece& piece);
  std::optional<uint64_t> Inflate(const wire::FramePiece& piece);
  void OnClientPing(std::string_view payload);
  void OnClientClose(uint16_t code, std::string_view reason);
  void OnClientError(wire::FrameError error);
  void Fail(CloseReason reason);
  TokenBucket::Size ping_bucket() const;
  bool TakePing();
  bool TakeTinyFragment();

  // Control frames of our own that wait for their place: the end of a frame that is half sent, or room. Of Pongs only
  // the latest is due (RFC 6455 5.5.3).
  struct WaitingControl {
    std::string pong;
    bool ping = false;
  };
  bool HasPlaceForControl() const { return !mid_frame_ && !connection_->full(); }
  WaitingControl& waiting_control();
  void WriteWaitingControl();
  void SendPing();
  void WritePing();
  // For its place, or in the queue.
  bool PingWaits() const;
  bool PongIsOverdue() const;
  Duration UntilNextPing() const;
  void SetNextLook();
  void SendClose(uint16_t code, std::string_view reason);
  void SendOwnClose();
  void SendLastClose();
  // What the handshake says comes next.
  void Go(CloseHandshake::Next next, CloseReason reason);
  void CheckClient();
  LogValue BatchRatio() const;
  void LogEnd() const;

  WorkerContext& context_;
  std::unique_ptr<net::Connection> connection_;
  std::unique_ptr<pool::SocketStream> stream_;
  const RoutePlanRef plan_;
  const RouteOptions& route_ = plan_->options;
  std::unique_ptr<Outbox> outbox_;            // nullptr: messages are passed on as they come
  std::unique_ptr<ClientInflater> inflater_;  // amid a compressed message
  wire::FrameDecoder decoder_;
  net::Deadline deadline_;        // the next look at the client, or the end of the patience with a Close handshake
  std::unique_ptr<char[]> info_;  // the strings of SessionInfo, each ended by NUL
  std::unique_ptr<WaitingControl> waiting_control_;
  TimePoint started_;
  TimePoint heard_at_;  // when the last byte of the client was read
  TimePoint ping_at_;   // when our last ping left; while it waits, when it was due
  TimePoint active_at_;
  uint64_t to_client_ = 0;  // messages
  uint64_t to_upstream_ = 0;
  uint64_t bytes_to_client_ = 0;  // payload
  uint64_t bytes_to_upstream_ = 0;
  uint64_t frames_to_client_ = 0;
  uint64_t message_bytes_ = 0;                  // of the backend's present message, so far
  uint64_t inflated_ = 0;                       // since the upstream connection was last asked whether it is full
  std::unique_ptr<std::vector<uint8_t>> held_;  // read and not yet taken, since it is
  TokenBucket pings_;                           // of the client
  TokenBucket tiny_fragments_;                  // of the client
  uint8_t client_window_bits_ = 0;              // of the client's compression
  bool socket_io_ = false;
  bool sheds_ = false;               // slow_client conflates or drops: the backend is read on
  bool upstream_paused_ = false;     // since too much waits for the client
  bool watching_for_stall_ = false;  // deadline_ is set for that
  CloseHandshake close_;
  bool mid_frame_ = false;      // a frame towards the client is half sent
  bool mid_message_ = false;    // a message of the backend is half here
  bool awaiting_pong_ = false;  // the client has sent nothing since ping_at_
};

}  // namespace sheaf
