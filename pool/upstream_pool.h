// A worker's connections to the backend, one list a state, and the requests that wait for one.
//
//   auto stream = pool.Open(std::move(request), events);   // never calls back from within
//   ...
//   stream.reset();                                        // gives the connection back, or cancels
//
// pool.max_size and pool.max_waiting hold for the whole process: workers share a PoolBudget. The rest is the worker's
// own. One thread only.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "pool/endpoint.h"
#include "pool/upstream_link.h"
#include "pool/upstream_stream.h"
#include "proxy/base/list.h"
#include "proxy/base/metrics.h"
#include "proxy/base/option_table.h"
#include "proxy/net/loop.h"

namespace sheaf::pool {

// What the workers' pools may use together. Any thread.
class PoolBudget {
 public:
  PoolBudget(uint32_t max_links, uint32_t max_waiting) : max_links_(max_links), max_waiting_(max_waiting) {}

  bool TakeLink() { return Take(links_, max_links_); }
  void ReturnLink() { links_.fetch_sub(1, std::memory_order_relaxed); }
  bool TakeWaiting() { return Take(waiting_, max_waiting_); }
  void ReturnWaiting() { waiting_.fetch_sub(1, std::memory_order_relaxed); }
  uint32_t waiting() const { return waiting_.load(std::memory_order_relaxed); }
  bool full() const { return links_.load(std::memory_order_relaxed) >= max_links_; }

 private:
  static bool Take(std::atomic<uint32_t>& count, uint32_t limit);

  const uint32_t max_links_;
  const uint32_t max_waiting_;
  std::atomic<uint32_t> links_{0};
  std::atomic<uint32_t> waiting_{0};
};

// One use of the pool: waits in it until a link is found, then stands between the link and the user.
class PooledStream final : public UpstreamStream {
 public:
  PooledStream(UpstreamPool& pool, UpstreamRequest request, UpstreamEvents& events, TimePoint now);
  ~PooledStream() override;

  void SetEvents(UpstreamEvents& events) override { events_ = &events; }
  void SendBody(std::string_view data) override;
  void FinishBody() override;
  void SendMessage(const wire::FramePiece& piece) override;
  bool SendClose(uint16_t code, std::string_view reason) override;
  void PauseReading(PauseReason reason) override;
  void ResumeReading(PauseReason reason) override;
  void DeferReading(size_t bytes) override;
  void ReadDeferred() override;
  void Close(CloseReason reason) override;
  bool leased() const override { return link_ != nullptr; }
  bool reused() const override { return reused_; }

 private:
  friend class UpstreamPool;
  friend class UpstreamLink;

  UpstreamPool& pool_;
  UpstreamEvents* events_;
  std::unique_ptr<UpstreamRequest> request_;  // until the link needs it no more
  UpstreamLink* link_ = nullptr;
  ListHook waiting_hook_;
  TimePoint opened_;
  CloseReason failed_ = CloseReason::kNone;  // told at the end of the turn, since Open may not call back
  bool reused_ = false;
  bool retried_ = false;
  bool blocked_ = false;  // more of the body waits for a connection than the high mark
};

class UpstreamPool {
 public:
  // `min_share`: this worker's part of pool.min_size. All references outlive the pool.
  UpstreamPool(net::Loop& loop, Endpoint& endpoint, const net::Address& address, PoolBudget& budget,
               const Options& options, uint32_t min_share, WorkerMetrics& metrics);
  UpstreamPool(const UpstreamPool&) = delete;
  UpstreamPool& operator=(const UpstreamPool&) = delete;
  ~UpstreamPool();

  std::unique_ptr<UpstreamStream> Open(UpstreamRequest request, UpstreamEvents& events);

  // Once a turn: serves the waiting, dials what is missing, closes what is stale, expired, or too slow to connect.
  void Maintain();

  // No more warm connections: idle ones close now, leased ones when they are given back.
  void Drain();

  // Closes the idle connections that are more than this worker's part of pool.min_size. Returns their number.
  size_t CloseSpare();

  // A look-up has found another address for the backend; new connections go there.
  void SetAddress(const net::Address& address) { address_ = address; }

  size_t count(LinkState state) const { return links_[static_cast<size_t>(state)].size(); }
  size_t waiting() const { return waiting_.size(); }

  // For links and streams only.
  net::Loop& loop() { return loop_; }
  Endpoint& endpoint() { return endpoint_; }
  const net::Address& address() const { return address_; }
  WorkerMetrics& metrics() { return metrics_; }
  const net::IoCounters& io() const { return io_; }
  wire::ResponseHead& response_head() { return response_head_; }
  using LinkList = List<UpstreamLink, &UpstreamLink::hook_>;
  LinkList& list(LinkState state) { return links_[static_cast<size_t>(state)]; }
  void OnLinkConnected(UpstreamLink& link);
  void OnConnectFailed(UpstreamLink& link, CloseReason reason);
  // The backend has answered: it is there, not just something that accepts for it.
  void OnLinkAnswered();
  // An idle link's connection ended.
  void OnLinkLost(UpstreamLink& link);
  void OnLinkReturned(UpstreamLink& link);
  void OnLinkClosed(UpstreamLink& link, CloseReason reason);
  // The stream's link failed; true when the request waits for another one instead of failing.
  bool Retry(PooledStream& stream);
  void CancelWaiting(PooledStream& stream);

 private:
  using WaitingList = List<PooledStream, &PooledStream::waiting_hook_>;
  // How long a link whose stream is over, and that has sent all, waits for the backend to close.
  static constexpr Duration kDrainTime = std::chrono::seconds(2);
  // A connection that ends sooner after it was made, without having been used, counts as a failure to connect.
  static constexpr Duration kSettled = std::chrono::seconds(1);
  // Dials under way for warm connections alone, so that a start does not knock on the backend with all of min_size at
  // once.
  static constexpr size_t kMaxWarming = 32;

  void Enqueue(PooledStream& stream);
  UpstreamLink* TakeIdle();
  // `pooled`: the link lay idle before, so the backend may have closed it unnoticed.
  void LeaseTo(PooledStream& stream, UpstreamLink& link, bool pooled);
  bool Dial();
  size_t MayDial(size_t wanted);
  bool Expired(const UpstreamLink& link);
  // The parts of Maintain, in its order.
  void CloseOverdue();
  void ServeWaiting();
  void DialForWaiting();
  void FailWaiting();
  void KeepWarm();
  void UpdateGauges();
  void BuryClosed();

  net::Loop& loop_;
  Endpoint& endpoint_;
  net::Address address_;
  PoolBudget& budget_;
  const Options& options_;
  const uint32_t min_share_;
  WorkerMetrics& metrics_;
  const net::IoCounters io_;
  Backoff backoff_;
  wire::ResponseHead response_head_;
  std::array<LinkList, kLinkStates> links_;
  WaitingList waiting_;
  WaitingList failing_;    // refused by Open, told by Maintain
  TimePoint next_look_{};  // when lists are looked through for what is overdue
  CloseReason last_failure_ = CloseReason::kUpstreamConnectFailed;
  uint32_t seen_returns_ = 0;  // of the endpoint
  bool draining_ = false;
};

}  // namespace sheaf::pool
