// One mux link: a WebSocket to the backend that many sessions share, from its handshake to its end. Takes frames apart
// into records and hands them to the streams they are for; lets the streams send in turn, within the app's window; asks
// by pings whether the app is there.
//
// The link is itself a user of the pool, like a session: its WebSocket is a PooledStream's and then a tunnel's, so that
// dialling, TLS, the handshake and the server's own pings are seen to there.
//
// Owned by MuxLinks, which hears of its steps. One thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pool/mux_groups.h"
#include "pool/mux_output.h"
#include "pool/mux_reader.h"
#include "pool/mux_slot.h"
#include "pool/mux_stream.h"
#include "pool/upgrade.h"
#include "proxy/base/clock.h"
#include "proxy/base/hash_index.h"
#include "proxy/base/list.h"
#include "proxy/base/metrics.h"
#include "proxy/net/loop.h"
#include "proxy/wire/mux_frame.h"
#include "proxy/wire/mux_payload.h"

namespace sheaf::pool {

class EndpointPool;
class MuxLink;
class MuxOpening;
class PooledStream;

class MuxLinkEvents {
 public:
  // The app's HELLO has come: sessions may be opened.
  virtual void OnMuxReady(MuxLink& link) = 0;
  // It never became ready. `why`: for the log.
  virtual void OnMuxFailed(MuxLink& link, MuxFailure failure, std::string_view why) = 0;
  // It was ready, and is over; its sessions have been told.
  virtual void OnMuxOver(MuxLink& link) = 0;
  // There is something to send, or room for another session.
  virtual void OnMuxStirred() = 0;

 protected:
  ~MuxLinkEvents() = default;
};

class MuxLink final : private HandshakeEvents, private SocketEvents, private MuxOutputEvents, private MuxReaderEvents {
 public:
  static constexpr int32_t kSessionWindow = 64 * 1024;  // what a session's app may send ahead

  MuxLink(EndpointPool& pool, MuxLinkEvents& events, WorkerMetrics& metrics);
  MuxLink(const MuxLink&) = delete;
  MuxLink& operator=(const MuxLink&) = delete;
  ~MuxLink();

  // Its own handshake, whose events are told to handshake_events.
  void Begin(std::unique_ptr<HttpStream> handshake) { handshake_ = std::move(handshake); }
  HandshakeEvents& handshake_events() { return *this; }
  // Whether another session may be opened now: it is ready, and the app's window is not used up.
  bool MayOpen() const { return Is(MuxLinkState::kReady) && output_.may_send(); }
  // Gives a session to it, where MayOpen.
  void Open(PooledStream& stream);
  // No new sessions.
  void BeginLeaving();
  // Ends it, and with it all sessions.
  void Close(CloseReason reason);
  // One that is not ready yet has taken too long.
  void GiveUp();

  // Once a turn: sends what is to be sent. Once a tick, besides: looks after what is overdue.
  void Turn();
  void Tick(Duration ping_interval, Duration patience);

  bool over() const { return over_; }
  bool Is(MuxLinkState state) const { return !over_ && state_ == state; }
  size_t sessions() const { return slots_.size(); }
  TimePoint created() const { return created_; }
  // When the last of its sessions ended, or it became ready.
  TimePoint unused_since() const { return unused_since_; }
  uint64_t process() const { return hello_.process; }
  bool has_siblings() const { return hello_.siblings; }
  // It has served a session before.
  bool used() const { return last_id_ > 0; }
  // A ping has not been answered for so long that others are better.
  bool in_doubt() const { return in_doubt_; }

  // For streams only.
  EndpointPool& pool() { return pool_; }
  MuxOutput& output() { return output_; }
  int64_t app_window() const { return hello_.session_window; }
  bool MaySend() const { return turns_.empty() && output_.may_send(); }
  void SendClose(uint32_t id, uint16_t code, std::string_view reason);
  void SendCredit(uint32_t id, uint32_t bytes);
  // Among those whose turn comes, or those that have no credit; and out of either.
  void Enlist(MuxStream::Waiting& waiting, bool has_turn);
  void Unlist(MuxStream::Waiting& waiting);
  // What has been accepted goes on under the same number.
  MuxStream& Accept(MuxOpening& opening, PooledStream& stream);
  // The stream is over. May be called twice.
  void Remove(MuxSlot& slot);
  void ReadNow();

 private:
  using WaitingList = List<MuxStream::Waiting, &MuxStream::Waiting::hook_>;
  static size_t IdOf(const MuxSlot& slot) { return slot.id(); }

  // HandshakeEvents: of the link's own
  void OnUpstreamHead(const wire::ResponseHead& head) override;
  void OnUpstreamOpen(const wire::ResponseHead& head, std::unique_ptr<SocketStream> socket) override;
  void OnUpstreamBody(std::string_view /*data*/) override {}
  RequestInLog request_in_log() const override { return {"GET", wire::kMuxPath, ""}; }

  // SocketEvents
  void OnUpstreamMessage(const wire::FramePiece& piece) override;
  void OnUpstreamClose(uint16_t code, std::string_view reason) override;

  // both
  void OnUpstreamEnd() override;
  void OnUpstreamBlocked() override { output_.SetBlocked(true); }
  void OnUpstreamDrained() override;
  void OnUpstreamClosed(CloseReason reason) override;

  void OnMuxOutput() override { events_.OnMuxStirred(); }

  // MuxReaderEvents
  wire::MuxFault OnRecord(const wire::MuxRecord& record) override;
  bool takes_records() const override { return !over_; }

  void SendHello();
  void MoveTo(MuxLinkState state);
  wire::MuxFault OnHello(const wire::MuxRecord& record);
  wire::MuxFault OnStreamRecord(const wire::MuxRecord& record);
  wire::MuxFault OnMulticast(const wire::MuxRecord& record);
  wire::MuxFault Spread(const wire::FramePiece& part, std::span<const uint32_t> ids);
  wire::MuxFault OnLinkCredit(const wire::MuxRecord& record);
  void Violate(wire::MuxFault fault);
  void Fail(MuxFailure failure, std::string_view why);
  void End(CloseReason reason);

  void Add(MuxSlot& slot);
  MuxSlot* Find(uint32_t id) const;

  EndpointPool& pool_;
  MuxLinkEvents& events_;
  WorkerMetrics& metrics_;
  std::unique_ptr<HttpStream> handshake_;
  std::unique_ptr<SocketStream> socket_;
  MuxOutput output_;
  MuxReader reader_;
  MuxGroups groups_;
  wire::MuxHello hello_{};  // the app's
  HashIndex<MuxSlot, &MuxSlot::next_, &IdOf> index_;
  List<MuxSlot, &MuxSlot::hook_> slots_;
  WaitingList turns_;
  WaitingList stalled_;
  uint32_t last_id_ = 0;
  TimePoint created_;
  TimePoint unused_since_;
  TimePoint pinged_at_{};
  TimePoint heard_at_;
  MuxLinkState state_ = MuxLinkState::kOpening;
  bool over_ = false;
  bool greeted_ = false;  // the app's HELLO has come
  bool pong_due_ = false;
  bool in_doubt_ = false;
  int refused_ = 0;  // the status of the handshake's answer
};

}  // namespace sheaf::pool
