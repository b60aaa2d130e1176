// One thread: an event loop, a listening socket, a pool of upstream connections, and the clients that the kernel gave
// it.
//
// Owned by the Server. Run blocks in the worker's own thread; Post and the counters are the only ways in from others.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "batching/batcher.h"
#include "batching/frame_cache.h"
#include "batching/message.h"
#include "memwatch/memory_watcher.h"
#include "memwatch/shed_pace.h"
#include "pool/health_check.h"
#include "pool/upstream_pool.h"
#include "proxy/admission.h"
#include "proxy/base/metrics.h"
#include "proxy/base/option_table.h"
#include "proxy/base/owning_list.h"
#include "proxy/busy_gauge.h"
#include "proxy/context_store.h"
#include "proxy/control/drain_pace.h"
#include "proxy/forwarding.h"
#include "proxy/intake.h"
#include "proxy/lingering_close.h"
#include "proxy/memory_webhook.h"
#include "proxy/net/acceptor.h"
#include "proxy/net/loop.h"
#include "proxy/net/tls_context.h"
#include "proxy/outbox.h"
#include "proxy/proxy_greeting.h"
#include "proxy/route_plan.h"
#include "proxy/routes.h"
#include "proxy/session.h"
#include "proxy/shed_victims.h"

namespace sheaf {

// What all workers have in common. Set at start by the Server, which outlives them; the atomics are for any thread.
struct Shared {
  const Options& options;
  const Routes& routes;
  pool::Endpoint& endpoint;
  pool::PoolBudget& budget;
  const net::TlsContext* tls;  // towards clients; nullptr: plain
  uint32_t workers;
  uint32_t max_connections;
  double cpu_share;                      // of a CPU, that a worker can have
  std::atomic<uint32_t> connections{0};  // of clients, sessions included
  std::atomic<bool> draining{false};
  std::atomic<bool> warned_of_untrusted_peer{false};
  std::atomic<PressureLevel> pressure{PressureLevel::kNormal};
  memwatch::MemoryWatcher* watcher = nullptr;  // set before the workers run; outlives their threads
};

class Worker final : public net::AcceptorEvents, public net::DeadlineHandler {
 public:
  // `listen_fd`: a listening socket of this worker's own. `index`: 0 is the one that checks the backend's health.
  Worker(Shared& shared, std::unique_ptr<net::Loop> loop, int listen_fd, uint32_t index,
         const pool::DialTargets& upstream, WorkerMetrics& metrics);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker();

  // Until Stop.
  void Run();

  // Any thread.
  void Post(std::function<void()> work) { loop_->Post(std::move(work)); }

  // The following run in the worker's thread; others Post them.

  // No new connections; those without a request close; sessions get their Close spread evenly over `window`, the
  // longest idle first, so that their clients do not come back all at once. 0: all now.
  void Drain(Duration window);
  // Cuts off what is left, and ends Run.
  void Stop();
  void SetUpstreamAddresses(const std::vector<net::Address>& addresses);
  // The backend's name could not be looked up, and has no address yet.
  void OnNoUpstreamAddress() { pool_.OnNoAddress(); }
  // A step of relief from memory pressure, of those that are taken once. Returns the bytes that it gave back, about.
  uint64_t Relieve(ReliefStep step);
  // Posts the change to memory.webhook, if there is one. For the first worker.
  void TellBackend(const memwatch::PressureChange& change);

  // For intakes, exchanges and sessions.
  net::Loop& loop() { return *loop_; }
  pool::UpstreamPool& pool() { return pool_; }
  const pool::Endpoint& endpoint() const { return shared_.endpoint; }
  const Options& options() const { return shared_.options; }
  const Routes& routes() const { return shared_.routes; }
  const RoutePlan& plan(const RouteOptions& route) const;
  const wire::HeadLimits& head_limits() const { return head_limits_; }
  const ForwardingRules& forwarding() const { return forwarding_; }
  const TrustedProxies& trusted_proxies() const { return forwarding_.proxies; }
  const net::TlsContext* tls() const { return shared_.tls; }
  const net::IoCounters& client_io() const { return client_io_; }
  WorkerMetrics& metrics() { return metrics_; }
  wire::RequestHead& request_head() { return request_head_; }
  bool draining() const { return shared_.draining.load(std::memory_order_relaxed); }
  Load load() const;
  PressureLevel pressure() const { return pressure_; }
  // Sessions tell of their activity no more often than this.
  Duration activity_grain() const { return activity_grain_; }
  // More waits for a client that takes nothing at the moment, or in the loop. A turn can take in a whole read from each
  // of thousands of backends' connections: that is too much to wait for its end.
  void WatchGrowth() {
    FollowPressure();
    HintAtGrowth();
  }
  // Fields in which `peer`, which is not trusted, speaks for a client are removed from its request.
  void OnUntrustedClaims(const net::IpBytes& peer);
  // `session` was active: of all sessions it is the last to be shed or drained.
  void MoveToNewest(Session& session) { sessions_.MoveToBack(session); }

  // For outboxes.
  batching::MessageStore& messages() { return messages_; }
  batching::QueuePool& queues() { return queues_; }
  batching::FrameCache& frames() { return frames_; }
  ContextStore& contexts() { return contexts_; }
  std::string& scratch() { return scratch_; }  // for one frame; the next user overwrites it
  // Has `outbox` flush at the end of this turn (FlushDueSessions); it must not be on the list.
  void FlushAtTurnEnd(Outbox& outbox) { flush_at_turn_end_.PushBack(outbox); }
  void ForgetFlush(Outbox& outbox) { flush_at_turn_end_.Remove(outbox); }
  // An empty buffer with room, lent while something is gathered in it.
  std::vector<uint8_t> TakeBuffer();
  void GiveBuffer(std::vector<uint8_t> buffer);

  // For sessions with compression: inflaters between two messages.
  std::unique_ptr<ClientInflater> TakeInflater();
  void KeepInflater(std::unique_ptr<ClientInflater> inflater);

  // `received`: what has come behind the PROXY header.
  void StartIntake(std::unique_ptr<net::Connection> connection, const Peer& peer, std::span<uint8_t> received);
  void StartSession(std::unique_ptr<net::Connection> connection, std::unique_ptr<pool::UpstreamStream> stream,
                    const RoutePlan& plan, const Negotiated& negotiated, const SessionInfo& info,
                    std::string_view early);
  void Linger(std::unique_ptr<net::Connection> connection, const LingerTerms& terms);
  // Lets `intake` go on with held requests at the end of this turn.
  void ProcessSoon(Intake& intake);
  // A client's connection is closed.
  void ConnectionOver();
  // They are closed; destroyed at the end of the turn.
  void Retire(ProxyGreeting& greeting);
  void Retire(Intake& intake);
  void Retire(Session& session);
  void Retire(LingeringClose& lingering);

  // net::AcceptorEvents
  void OnAccepted(int fd, const net::Address& address) override;
  void OnAcceptPaused(int error) override;

  void OnDeadline(net::Deadline& deadline) override;

 private:
  static constexpr size_t kMostScratch = 256 * 1024;
  static constexpr size_t kMostSpareBuffers = 256;
  static constexpr size_t kMostSpareBytes = 16 * 1024;  // of one buffer
  static constexpr size_t kMostSpareInflaters = 8;
  // So much more in the loop's queues, amid a turn, is worth a look at the level.
  static constexpr size_t kGrowthToLookAt = 256 * 1024;
  // So much more waiting than before is worth a look at memory.
  static constexpr uint64_t kGrowthForHint = 1024 * 1024;
  // Cutting off a client that reads is worth it if it holds so much.
  static constexpr size_t kCostly = 16 * 1024;
  static constexpr Duration kCostlyInterval = std::chrono::seconds(1);
  static constexpr Duration kLongestGrain = std::chrono::seconds(1);

  void Greet(int fd, const Peer& peer);
  void RunOneTurn();
  void ProcessHeldRequests();
  void FlushDueSessions();
  void ForgetOldFrames();
  void CloseSomeSessions();
  // Adapts to the level that the watcher has told of.
  void FollowPressure() {
    const PressureLevel level = shared_.pressure.load(std::memory_order_relaxed);
    if (level != pressure_) AdaptTo(level);
  }
  void AdaptTo(PressureLevel level);
  void AdaptPlans();
  void FollowLoad();
  size_t ContextBound() const;
  void HintAtGrowth();
  void ShedWithinBudget();
  void FindIdle(size_t most);
  void BeginToLookForCostly();
  bool MayLookForCostly() const;
  Reads HowItReads(Duration stalled) const;
  // Those who read no better than `best`.
  void FindCostly(Reads best, size_t most);
  // All that may hold bytes for a client: sessions, intakes and lingering closes.
  template <typename Visitor>
  void ForEachHolder(Visitor visit) {
    sessions_.ForEach(visit);
    intakes_.ForEach(visit);
    lingering_.ForEach(visit);
  }
  void Shed(ReliefStep step);
  uint64_t FreeBuffers();

  Shared& shared_;
  WorkerMetrics& metrics_;
  const net::IoCounters client_io_;
  const wire::HeadLimits head_limits_;
  const ForwardingRules forwarding_;
  const Duration activity_grain_;
  std::vector<std::unique_ptr<RoutePlan>> plans_;  // one a route, in the order of Routes
  std::unique_ptr<net::Loop> loop_;
  pool::UpstreamPool pool_;
  std::unique_ptr<pool::HealthCheck> health_check_;
  std::unique_ptr<MemoryWebhook> webhook_;
  std::unique_ptr<net::Acceptor> acceptor_;
  wire::RequestHead request_head_;
  // What outboxes share; they die before it.
  batching::MessageStore messages_;
  batching::QueuePool queues_;
  batching::FrameCache frames_;
  ContextStore contexts_;
  std::string scratch_;
  std::vector<std::vector<uint8_t>> spare_buffers_;
  std::vector<std::unique_ptr<ClientInflater>> spare_inflaters_;
  List<Outbox, &Outbox::turn_hook_> flush_at_turn_end_;
  TimePoint frames_expired_{};
  OwningList<ProxyGreeting, &ProxyGreeting::hook_> greetings_;
  OwningList<Intake, &Intake::hook_> intakes_;
  OwningList<Session, &Session::hook_> sessions_;  // by their last activity, the longest idle first
  OwningList<LingeringClose, &LingeringClose::hook_> lingering_;
  List<Intake, &Intake::soon_hook_> soon_;
  net::Deadline drain_deadline_;
  DrainPace drain_pace_{TimePoint{}, Duration::zero(), 0};  // since Drain
  PressureLevel pressure_ = PressureLevel::kNormal;         // what this worker has adapted to
  BusyGauge busy_gauge_;
  memwatch::ShedPace shed_pace_;
  TimePoint costly_looked_for_{};
  std::vector<Victim> victims_;  // scratch of one turn
  uint64_t held_at_hint_ = 0;    // bytes that waited for somebody when the watcher was last asked to look
  bool stopped_ = false;
};

}  // namespace sheaf
