// One connection to the backend: its state, and the codec that serves its streams.
//
// Owned by an EndpointPool, which keeps one list a state; MoveTo is the only way to change the state. One thread only.
// Budget: 88 bytes, it lives as long as a client's session does.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "pool/affinity.h"
#include "pool/codec.h"
#include "proxy/base/clock.h"
#include "proxy/base/list.h"
#include "proxy/base/status.h"
#include "proxy/net/connection.h"

namespace sheaf::pool {

class EndpointPool;
class PooledStream;

enum class LinkState : uint8_t {
  kConnecting,
  kIdle,      // warm: connected, leased by nobody
  kActive,    // leased
  kDraining,  // its stream is over; what is queued still goes out, then it closes
  kStale,     // unused for too long; closes in this turn
  kBroken,    // failed; closes in this turn
};
inline constexpr size_t kLinkStates = 6;

class UpstreamLink final : public net::ConnectionEvents, public CodecHost {
 public:
  static constexpr size_t kIdleBytes = 650;  // heap of an idle one that has served, about, with all it owns; plain

  UpstreamLink(EndpointPool& pool, TimePoint now);
  ~UpstreamLink();

  // Dials. False when no socket could be made.
  bool Connect();

  // Gives the connection to `stream` and sends what it asks. The link must be idle.
  void Lease(PooledStream& stream);

  void MoveTo(LinkState state);
  LinkState state() const { return state_; }
  TimePoint since() const { return since_; }  // when it came into this state
  TimePoint created() const { return created_; }
  uint8_t target() const { return target_; }   // of the pool's, which it was dialled at
  bool answered() const { return answered_; }  // the backend has sent something on it

  // net::ConnectionEvents
  void OnConnected() override;
  void OnBytes(std::span<uint8_t> bytes) override;
  void OnEnd(net::ConnectionEnd end) override;
  void OnOutputBlocked() override;
  void OnOutputDrained() override;
  void OnOutputEmpty() override;

  // CodecHost
  void WriteUpstream(std::span<const uint8_t> bytes) override { connection_->Write(bytes); }
  bool upstream_full() const override { return connection_->full(); }
  net::Connection& connection() override { return *connection_; }
  const Endpoint* endpoint() const override;
  bool reused() const override { return reused_; }
  std::unique_ptr<SocketStream> OpenTunnel(PooledStream& handshake) override;
  // Closes the connection and leaves its list; destroyed at the end of the turn. May be called twice.
  void Close(CloseReason reason) override;
  // What is queued goes out, then the connection ends.
  void Drain() override;

  ListHook hook_;  // the pool's list of this link's state

 private:
  void Conclude(Codec::Verdict verdict, std::span<uint8_t> rest);
  void Fail(CloseReason reason);

  EndpointPool& pool_;
  std::unique_ptr<net::Connection> connection_;
  std::unique_ptr<Codec> codec_;  // from the first lease on
  Affinity::Hold hold_;           // of a tunnel of Socket.IO
  TimePoint created_;
  TimePoint since_;
  LinkState state_ = LinkState::kConnecting;
  uint8_t target_ = 0;
  bool answered_ = false;
  bool reused_ = false;
  bool closed_ = false;
  bool counts_ = false;  // as a session of its endpoint: a tunnel
};

}  // namespace sheaf::pool
