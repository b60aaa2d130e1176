// One connection to the backend: its state, its codec while it is leased, and the stream that leased it.
//
// Owned by an Upstream, which keeps one list a state; MoveTo is the only way to change the state. One thread only.
// Budget: 144 bytes, it lives as long as a client's session does.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "pool/codec.h"
#include "proxy/base/clock.h"
#include "proxy/base/list.h"
#include "proxy/base/status.h"
#include "proxy/net/connection.h"

namespace sheaf::pool {

class Upstream;
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
  static constexpr size_t kIdleBytes = 450;  // heap of an idle one, about, its connection and event included; plain

  UpstreamLink(Upstream& upstream, TimePoint now);
  ~UpstreamLink();

  // Dials. False when no socket could be made.
  bool Connect();

  // Gives the connection to `stream` and sends its request. The link must be idle.
  void Lease(PooledStream& stream);
  // The stream is given up before its end: an orderly end where the codec knows one, else the connection breaks off.
  void Abandon(CloseReason reason);
  // Closes the connection and leaves the pool's lists; destroyed at the end of the turn.
  void Close(CloseReason reason);

  void MoveTo(LinkState state);
  LinkState state() const { return state_; }
  TimePoint since() const { return since_; }  // when it came into this state
  TimePoint created() const { return created_; }
  uint8_t target() const { return target_; }   // of the pool's, which it was dialled at
  bool answered() const { return answered_; }  // the backend has sent something on it
  PooledStream* stream() const { return stream_; }
  Codec* codec() { return codec_.get(); }
  net::Connection* connection() { return connection_.get(); }

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
  UpstreamEvents* events() override;

  ListHook hook_;  // the pool's list of this link's state

 private:
  void Conclude(Codec::Verdict verdict, std::span<uint8_t> rest);
  void Upgrade(std::span<uint8_t> rest);
  void Fail(CloseReason reason);
  void LogFault(CloseReason reason, const Fault& fault, const PooledStream& stream) const;
  // What is queued goes out, then the connection ends.
  void Drain();

  Upstream& upstream_;
  std::unique_ptr<net::Connection> connection_;
  std::unique_ptr<Codec> codec_;
  PooledStream* stream_ = nullptr;
  TimePoint created_;
  TimePoint since_;
  LinkState state_ = LinkState::kConnecting;
  uint8_t target_ = 0;
  bool answered_ = false;
  bool closed_ = false;
};

}  // namespace sheaf::pool
