// One endpoint as one worker sees it: the connections to it, one list a state, and the requests that wait for one.
//
// pool.max_size and pool.max_waiting hold for the whole process: workers share the endpoint's PoolBudget. Of
// pool.min_size and pool.max_dialing each worker has its part, and the first worker's checks the endpoint's health.
//
// Owned by an Upstream, which gives it the streams. One thread only.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <utility>

#include "pool/backoff.h"
#include "pool/dial_targets.h"
#include "pool/endpoint.h"
#include "pool/health_check.h"
#include "pool/idle_limit.h"
#include "pool/mux_links.h"
#include "pool/pool_look.h"
#include "pool/upstream_link.h"
#include "pool/upstream_settings.h"
#include "pool/waiting_line.h"
#include "proxy/base/list.h"
#include "proxy/base/metrics.h"
#include "proxy/base/option_table.h"
#include "proxy/net/loop.h"

namespace sheaf::pool {

// Which worker of how many a pool belongs to.
struct PoolShare {
  uint32_t index = 0;
  uint32_t workers = 1;

  // This worker's part of `whole`; the parts add up to it.
  uint32_t Of(uint32_t whole) const { return whole / workers + (index < whole % workers ? 1 : 0); }
};

// What the pools of a backend want of it.
class EndpointPoolEvents {
 public:
  // There is something for Maintain to see to: a link has come or changed its state, or a request waits.
  virtual void OnStirred() = 0;
  // Whether another endpoint takes it. It waits nowhere when this is asked.
  virtual bool GoElsewhere(PooledStream& stream) = 0;
  // Gives `link` its handshake, with a connection of `pool`'s.
  virtual void OpenMuxLink(EndpointPool& pool, MuxLink& link) = 0;

 protected:
  ~EndpointPoolEvents() = default;
};

class EndpointPool {
 public:
  // What is referred to outlives the EndpointPool. `wanted`: as SetWanted says.
  EndpointPool(net::Loop& loop, EndpointRef endpoint, UpstreamSettings settings, PoolShare share,
               WorkerMetrics& metrics, EndpointPoolEvents& events, bool wanted);
  EndpointPool(const EndpointPool&) = delete;
  EndpointPool& operator=(const EndpointPool&) = delete;
  ~EndpointPool();

  // Serves the stream at once, or has it wait: by a mux link what may share one, and else by a connection of its own.
  // Never calls back from within.
  void Open(PooledStream& stream);
  void OpenAlone(PooledStream& stream);

  // Other settings, from now on. Nothing that is under way is broken off: where less is allowed than is in use, what is
  // idle closes and new requests wait until enough has ended. (pool.max_size and max_waiting are the PoolBudget's.)
  void Adopt(UpstreamSettings settings);
  // Whether new requests come here. One that nobody wants closes what lies idle.
  void SetWanted(bool wanted);

  // Once a turn: serves the waiting, dials what is missing, closes what is stale, expired, or too slow to connect.
  void Maintain();

  // No more warm connections: idle ones close now, leased ones when they are given back.
  void Drain();

  // Closes the idle connections that are more than this worker's part of pool.min_size. Returns their number.
  size_t CloseSpare();

  // The endpoint may have other addresses now; new connections go there, and nothing is known against them.
  void FollowAddresses();
  // A look-up failed: those that wait for a first address have waited in vain.
  void OnNoAddress() { backoff_.Fail(loop_.now()); }
  // Those that wait go to other endpoints, as far as these take them.
  void Disperse();

  // The endpoint may be dialled now, though it was found to be down.
  bool may_retry() const { return backoff_.MayTry(loop_.now()); }
  // Nobody wants it, and nothing of it is left. The first worker's, which checks its health, stays as long as it has
  // sessions.
  bool over() const;

  Endpoint& endpoint() const { return *endpoint_; }
  const EndpointRef& endpoint_ref() const { return endpoint_; }
  size_t count(LinkState state) const { return links_[static_cast<size_t>(state)].size(); }
  size_t waiting() const { return waiting_.size() + (mux_ ? mux_->waiting() : 0); }
  PoolLook Look();
  // Whether links are to lie ready.
  bool keeps_warm() const { return wanted_ && !draining_ && !endpoint_->draining(); }

  // For balance: how often new requests were given to it, since the count began.
  uint32_t picks = 0;
  const uint64_t identity;

  // For links and streams only.
  net::Loop& loop() { return loop_; }
  const DialTargets& targets() const { return targets_; }
  WorkerMetrics& metrics() { return metrics_; }
  const net::IoCounters& io() const { return io_; }
  wire::ResponseHead& response_head() { return response_head_; }
  const wire::HeadLimits& response_limits() const { return settings_.response_limits; }
  // The link joins the list of its state, or leaves it. The gauges, which are of all the worker's Upstreams, follow.
  void Join(UpstreamLink& link);
  void Leave(UpstreamLink& link);
  void OnLinkConnected(UpstreamLink& link);
  void OnConnectFailed(UpstreamLink& link, CloseReason reason);
  // The backend has answered: it is there, not just something that accepts for it.
  void OnLinkAnswered();
  // The backend has ended an idle link's connection.
  void OnLinkLost(UpstreamLink& link);
  void OnLinkReturned(UpstreamLink& link);
  void OnLinkClosed(UpstreamLink& link, CloseReason reason);
  // The stream's link failed; true when the request waits for another one, here or at another endpoint, instead of
  // failing.
  bool Retry(PooledStream& stream);
  void CancelWaiting(PooledStream& stream);

 private:
  using LinkList = List<UpstreamLink, &UpstreamLink::hook_>;
  // How long a link whose stream is over, and that has sent all, waits for the backend to close.
  static constexpr Duration kDrainTime = std::chrono::seconds(2);
  // A connection that ends sooner after it was made, without having been used, counts as a failure to connect.
  static constexpr Duration kSettled = std::chrono::seconds(1);
  // Dials under way for warm connections alone, so that a start does not knock on the backend with all of min_size at
  // once.
  static constexpr size_t kMaxWarming = 32;
  // After the backend's queue of new connections was full, until the next dial.
  static constexpr Duration kBusyTime = std::chrono::milliseconds(10);
  // Between two lines of the log about descriptors that ran out.
  static constexpr Duration kShortageInterval = std::chrono::minutes(1);

  // What came of a dial at once.
  enum class Dialled : uint8_t {
    kUnderWay,
    kNoRoom,  // pool.max_size
    kLater,   // the backend's queue is full, or this process has no descriptor: it is tried again in a later turn
  };

  LinkList& list(LinkState state) { return links_[static_cast<size_t>(state)]; }
  UpstreamLink* TakeIdle(const PooledStream& stream);
  UpstreamLink* ChooseIdle(const PooledStream& stream);
  bool IsSafe(const UpstreamLink& link);
  // `pooled`: the link lay idle before, so the backend may have closed it unnoticed.
  void LeaseTo(PooledStream& stream, UpstreamLink& link, bool pooled);
  Dialled Dial();
  void ReportShortage(int error);
  size_t MayDial(size_t wanted);
  bool Expired(const UpstreamLink& link) const;
  // `kept`: pool.min_size asks for it.
  CloseReason OverdueReason(const UpstreamLink& link, bool kept) const;
  // The parts of Maintain, in its order.
  void LookAround();
  void CloseOverdue();
  void CloseOverdueIdle();
  void CloseIdle(CloseReason reason);
  void ServeWaiting();
  void DialForWaiting();
  void FailWaiting();
  void KeepWarm();
  void FollowHealth();
  PoolBudget& budget() { return endpoint_->budget(); }
  // No link is left, and nobody waits for one.
  bool empty() const;
  void CountSpare();
  void BuryClosed();

  net::Loop& loop_;
  const EndpointRef endpoint_;
  DialTargets targets_;
  const PoolShare share_;
  WorkerMetrics& metrics_;
  EndpointPoolEvents& events_;
  UpstreamSettings settings_;
  uint32_t min_share_ = 0;  // of the warm links
  uint32_t dial_share_ = 0;
  const net::IoCounters io_;
  Backoff backoff_;
  IdleLimit idle_limit_;
  wire::ResponseHead response_head_;
  std::array<LinkList, kLinkStates> links_;
  std::unique_ptr<HealthCheck> health_check_;  // the first worker's, unless pool.health_check_interval is 0
  WaitingLine waiting_;
  std::unique_ptr<MuxLinks> mux_;  // where upstream.mode is mux, or was
  bool moved_ = true;              // a link came or changed its state since the last upkeep
  TimePoint next_look_{};          // when it looks around for what is overdue
  TimePoint busy_until_{};         // the backend's queue of new connections was full
  TimePoint shortage_told_{};      // when the log was last told of missing descriptors
  bool short_ = false;             // the last dial found no descriptor
  int32_t spare_ = 0;              // idle and connecting links, as the budget knows
  CloseReason last_failure_ = CloseReason::kUpstreamConnectFailed;
  uint32_t seen_returns_ = 0;  // of the endpoint
  bool wanted_;
  bool draining_ = false;
};

}  // namespace sheaf::pool
