// One thread: an event loop, listening sockets, a pool of upstream connections, and the clients that the kernel gave
// it.
//
// Owned by the Server. Run blocks in the worker's own thread; Post and the counters are the only ways in from others.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "memwatch/shed_pace.h"
#include "pool/upstreams.h"
#include "proxy/base/metrics.h"
#include "proxy/base/option_table.h"
#include "proxy/base/owning_list.h"
#include "proxy/busy_gauge.h"
#include "proxy/control/drain_pace.h"
#include "proxy/entrances.h"
#include "proxy/http/client.h"
#include "proxy/http/lingering_close.h"
#include "proxy/http/proxy_greeting.h"
#include "proxy/memory_webhook.h"
#include "proxy/net/loop.h"
#include "proxy/outbox/stores.h"
#include "proxy/plan/context.h"
#include "proxy/session/inflater_store.h"
#include "proxy/session/session.h"
#include "proxy/shed_victims.h"

namespace sheaf {

class Worker final : public net::DeadlineHandler, private EntranceEvents, ClientHome {
 public:
  // `index`: 0 is the one that checks the backend's health.
  Worker(Shared& shared, std::shared_ptr<const Generation> first, std::unique_ptr<net::Loop> loop, uint32_t index,
         const pool::DialTargets& upstream, WorkerMetrics& metrics);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker();

  // Until Stop.
  void Run();

  // Any thread.
  void Post(std::function<void()> work) { loop_->Post(std::move(work)); }

  // The following run in the worker's thread; others Post them, or call them before Run.

  // Listening sockets that come, go and change their terms.
  void ChangeEntrances(const EntranceChanges& changes) { entrances_.Change(changes); }

  // No new connections; those without a request close; sessions get their Close spread evenly over `window`, the
  // longest idle first, so that their clients do not come back all at once. 0: all now.
  void Drain(Duration window);
  // Cuts off what is left, and ends Run.
  void Stop();
  // Where `backend` is now.
  void SetAddresses(const std::shared_ptr<pool::Backend>& backend, const std::vector<net::Address>& addresses) {
    upstreams_.SetTargets(*backend, addresses);
  }
  // Its name could not be looked up, and has no address yet.
  void OnNoAddress(const std::shared_ptr<pool::Backend>& backend) { upstreams_.OnNoAddress(*backend); }
  // Another configuration is in force. `upstream`: where its backend is, as far as is known.
  void Adopt(std::shared_ptr<const Generation> next, const pool::DialTargets& upstream);
  // A step of relief from memory pressure, of those that are taken once. Returns the bytes that it gave back, about.
  uint64_t Relieve(ReliefStep step);
  // Posts the change to memory.webhook, if there is one. For the first worker.
  void TellBackend(const memwatch::PressureChange& change);

  void OnDeadline(net::Deadline& deadline) override;

 private:
  // So much more in the loop's queues, amid a turn, is worth a look at the level.
  static constexpr size_t kGrowthToLookAt = 256 * 1024;
  // So much more waiting than before is worth a look at memory.
  static constexpr uint64_t kGrowthForHint = 1024 * 1024;
  // Cutting off a client that reads is worth it if it holds so much.
  static constexpr size_t kCostly = 16 * 1024;
  static constexpr Duration kCostlyInterval = std::chrono::seconds(1);
  // Between two looks for sessions whose route a reload has taken away.
  static constexpr Duration kRemovedInterval = std::chrono::milliseconds(500);

  // EntranceEvents
  void OnAccepted(int fd, const net::Address& address, const ListenerTerms& terms) override;
  void OnAcceptPaused(int error) override;

  // ClientHome
  void StartClient(std::unique_ptr<net::Connection> connection, const Peer& peer, const net::TlsContext* tls,
                   std::span<uint8_t> received) override;
  void StartSession(std::unique_ptr<net::Connection> connection, std::unique_ptr<pool::SocketStream> stream,
                    const RoutePlan& plan, const Negotiated& negotiated, const SessionInfo& info,
                    std::string_view early) override;
  void Linger(std::unique_ptr<net::Connection> connection, const LingerTerms& terms) override;
  void ProcessSoon(Client& client) override;
  void MoveToNewest(Session& session) override { sessions_.MoveToBack(session); }
  void WatchGrowth() override;
  void ConnectionOver() override;
  void Retire(ProxyGreeting& greeting) override;
  void Retire(Client& client) override;
  void Retire(Session& session) override;
  void Retire(LingeringClose& lingering) override;

  const Options& options() const { return context_.options(); }
  // The worker's view of the generation's backend.
  pool::UpstreamRef Take(const Generation& generation, const pool::DialTargets& targets);
  void Greet(int fd, const Peer& peer, const ListenerTerms& terms);
  void RunOneTurn();
  void ProcessHeldRequests();
  void ForgetOldFrames();
  void CloseSomeSessions();
  // After a reload, those whose route it has taken away (reload.max_age).
  void CloseSomeOfRemovedRoutes();
  // Adapts to the level that the watcher has told of.
  void FollowPressure() {
    const PressureLevel level = shared_.pressure.load(std::memory_order_relaxed);
    if (level != context_.pressure()) AdaptTo(level);
  }
  void AdaptTo(PressureLevel level);
  void FollowLoad();
  size_t ContextBound() const;
  double ShedRate() const { return static_cast<double>(options().memory.shed_rate) / shared_.workers; }
  void HintAtGrowth();
  void ShedWithinBudget();
  void FindIdle(size_t most);
  void BeginToLookForCostly();
  bool MayLookForCostly() const;
  Reads HowItReads(Duration stalled) const;
  // Those who read no better than `best`.
  void FindCostly(Reads best, size_t most);
  // All that may hold bytes for a client: sessions, clients and lingering closes.
  template <typename Visitor>
  void ForEachHolder(Visitor visit) {
    sessions_.ForEach(visit);
    clients_.ForEach(visit);
    lingering_.ForEach(visit);
  }
  void Shed(ReliefStep step);

  Shared& shared_;
  WorkerMetrics& metrics_;
  std::unique_ptr<net::Loop> loop_;
  pool::Upstreams upstreams_;
  const pool::UpstreamRef upstream_;
  std::unique_ptr<MemoryWebhook> webhook_;
  Entrances entrances_;
  // What is lent to clients and their outboxes, which die before it.
  OutboxStores outboxes_;
  InflaterStore inflaters_;
  WorkerContext context_;
  TimePoint frames_expired_{};
  OwningList<ProxyGreeting, &ProxyGreeting::hook_> greetings_;
  OwningList<Client, &Client::hook_> clients_;
  OwningList<Session, &Session::hook_> sessions_;  // by their last activity, the longest idle first
  OwningList<LingeringClose, &LingeringClose::hook_> lingering_;
  List<Client, &Client::soon_hook_> soon_;
  net::Deadline drain_deadline_;
  DrainPace drain_pace_{TimePoint{}, Duration::zero(), 0};  // since Drain
  net::Deadline removed_deadline_;
  DrainPace removed_pace_{TimePoint{}, Duration::zero(), 0};  // since the last Adopt
  BusyGauge busy_gauge_;
  memwatch::ShedPace shed_pace_;
  TimePoint costly_looked_for_{};
  std::vector<Victim> victims_;  // scratch of one turn
  uint64_t held_at_hint_ = 0;    // bytes that waited for somebody when the watcher was last asked to look
  bool stopped_ = false;
};

}  // namespace sheaf
