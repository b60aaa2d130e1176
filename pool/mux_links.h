// The mux links of one worker to one endpoint, and the handshakes that wait for one: chooses who gets what, dials what
// is missing, replaces what is old, and knows when the backend does not speak mux at all.
//
// A backend without the middleware is told of once, and all its WebSockets have connections of their own; it is asked
// again now and then, beside them, since a rolling update may bring the middleware any time.
//
// Owned by an EndpointPool, which gives it handshakes. One thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "pool/mux_link.h"
#include "pool/pool_look.h"
#include "pool/upstream_settings.h"
#include "pool/waiting_line.h"
#include "proxy/base/clock.h"
#include "proxy/base/metrics.h"
#include "proxy/net/loop.h"

namespace sheaf::pool {

class EndpointPool;
class EndpointPoolEvents;

class MuxLinks final : private MuxLinkEvents, private net::DeadlineHandler {
 public:
  // What is referred to outlives this.
  MuxLinks(EndpointPool& pool, EndpointPoolEvents& events, WorkerMetrics& metrics);
  MuxLinks(const MuxLinks&) = delete;
  MuxLinks& operator=(const MuxLinks&) = delete;
  ~MuxLinks();

  // Other settings, from now on; `least`: links that are kept.
  void Adopt(const UpstreamSettings& settings, uint32_t least);

  // Serves a handshake, now or later. False: it is to have a connection of its own.
  [[nodiscard]] bool Open(PooledStream& stream);
  void CancelWaiting(PooledStream& stream) { waiting_.Leave(stream); }
  // Those that wait go by connections of their own.
  void Disperse() { GiveUpWaiting(MuxFailure::kUnreachable); }
  // Nothing is left of it.
  bool empty() const { return links_.empty() && waiting_.deserted(); }

  // Once a turn, and once a tick besides.
  void Turn();
  // A connection was lost, or not made: another process may stand there soon, which speaks mux.
  void AskAgain();

  size_t waiting() const { return waiting_.size(); }
  void AddTo(PoolLook& look);

 private:
  // From a link that the backend had no words for to the next attempt.
  static constexpr Duration kAskAgain = std::chrono::seconds(10);
  // ... and after the first sign that another process may be there.
  static constexpr Duration kAskSoon = std::chrono::milliseconds(500);
  // Between two attempts of which the first came to nothing, or did not last so long.
  static constexpr Duration kDialInterval = std::chrono::milliseconds(100);
  // Where pool.health_check_interval is 0.
  static constexpr Duration kPingInterval = std::chrono::seconds(10);
  // Where several processes take links at one address, so many are made for each that is known, and at least so many,
  // so that chance gives every process some.
  static constexpr size_t kLinksAProcess = 2;
  static constexpr size_t kLeastForSeveral = 8;
  // Where all of them lead to the same one, so often one is made anew.
  static constexpr int kSiblingTries = 10;
  static constexpr Duration kSiblingInterval = std::chrono::seconds(2);
  // A longer head is one of a kind, and goes by itself: an OPEN stays one record, and no answer to the server's pings
  // lies behind much more than the link's window. Bytes.
  static constexpr size_t kMostHead = 16'000;
  // OPENs a turn and link: what open sessions send has its turn, too.
  static constexpr int kOpensATurn = 32;

  // MuxLinkEvents
  void OnMuxReady(MuxLink& link) override;
  void OnMuxFailed(MuxLink& link, MuxFailure failure, std::string_view why) override;
  void OnMuxOver(MuxLink& link) override;
  void OnMuxStirred() override;

  void OnDeadline(net::Deadline& /*deadline*/) override { OnMuxStirred(); }

  // Whether links are kept.
  bool wanted() const;
  bool may_come() const;
  bool IsFull(const MuxLink& link) const;
  bool IsOld(const MuxLink& link) const;
  bool IsHasty(const MuxLink& link) const;
  size_t CountFresh() const;
  bool IsForTunnel(const PooledStream& stream);
  MuxLink* Choose() const;
  size_t CountProcesses() const;
  size_t SessionsOf(uint64_t process) const;
  void Serve(PooledStream& stream, MuxLink& link, bool at_once);
  void ServeWaiting();
  void FailWaiting();
  // All that wait: to connections of their own, or refused where there can be none.
  void GiveUpWaiting(MuxFailure failure);
  void Tick();
  void LookAfter(MuxLink& link);
  void LookForSiblings();
  void KeepLinks();
  size_t Wanted() const;
  size_t Missing() const;
  bool MayClose(const MuxLink& link) const;
  void Dial();
  void Forget(MuxLink& link);
  size_t Count(MuxLinkState state) const;
  bool several_processes() const;

  EndpointPool& pool_;
  EndpointPoolEvents& events_;
  WorkerMetrics& metrics_;
  UpstreamSettings settings_;
  uint32_t least_ = 1;
  std::vector<std::unique_ptr<MuxLink>> links_;
  WaitingLine waiting_;
  net::Deadline next_turn_;
  TimePoint next_look_{};
  TimePoint next_sibling_{};
  int sibling_tries_ = 0;
  TimePoint next_dial_{};     // after one that came to nothing
  TimePoint ask_again_at_{};  // of a backend that does not speak mux
  bool speaks_ = true;        // as far as is known
  bool told_ = false;         // the log, that it does not
  bool told_several_ = false;
};

}  // namespace sheaf::pool
