// One thread: an event loop, listening sockets, a pool of upstream connections, and the clients that the kernel gave
// it.
//
// Owned by the Server. Run blocks in the worker's own thread; Post and the counters are the only ways in from others.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "pool/backend.h"
#include "pool/upstreams.h"
#include "proxy/affinity_upkeep.h"
#include "proxy/base/metrics.h"
#include "proxy/base/option_table.h"
#include "proxy/connection_lister.h"
#include "proxy/control/drain_pace.h"
#include "proxy/entrances.h"
#include "proxy/members.h"
#include "proxy/memory_webhook.h"
#include "proxy/net/loop.h"
#include "proxy/outbox/stores.h"
#include "proxy/plan/context.h"
#include "proxy/pusher.h"
#include "proxy/session/directory.h"
#include "proxy/session/inflater_store.h"
#include "proxy/session_actions.h"
#include "proxy/worker_relief.h"

namespace sheaf {

class Worker final : public net::DeadlineHandler, private EntranceEvents, ClientHome {
 public:
  // `index`: 0 is the one that checks the backends' health. `backends`: those of the generation, in the order of its
  // options.
  Worker(Shared& shared, const std::shared_ptr<const Generation>& first, std::unique_ptr<net::Loop> loop,
         uint32_t index, const std::vector<pool::Backend>& backends, WorkerMetrics& metrics);
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
  // New connections again, to these; who has not been told to go stays.
  void Undrain(const EntranceChanges& changes);
  // Cuts off what is left, and ends Run.
  void Stop();
  // The endpoints that a backend has now, since its name leads to others.
  void SetEndpoints(const pool::Backend& backend) { upstreams_.SetEndpoints(backend); }
  // A name of the backend could not be looked up, and has no address yet.
  void OnNoAddress(std::string_view backend) { upstreams_.OnNoAddress(backend); }
  // Another configuration is in force. `backends`: as at construction.
  void Adopt(std::shared_ptr<const Generation> next, const std::vector<pool::Backend>& backends);
  // What is bound to a route or an endpoint that is to have no sessions is closed, spread over reload.max_age, unless
  // that is 0.
  void CloseLeaving();
  // A step of relief from memory pressure, of those that are taken once. Returns the bytes that it gave back, about.
  uint64_t Relieve(ReliefStep step) { return relief_.Relieve(step); }
  // Messages of another than the backend, for sessions that are here.
  std::vector<PushTally> Deliver(const std::vector<Push>& pushes) { return pusher_.Deliver(pushes); }
  // Shows its sessions.
  const ConnectionLister& connections() const { return connection_lister_; }
  // What an operator has done to sessions that are here.
  ActionTally Close(const CloseAction& action) { return actions_.Close(action); }
  ActionTally Flush(const Selector& of) { return actions_.Flush(of); }
  pool::PoolLooks LookAtPools() { return upstreams_.LookAtPools(); }
  // Posts the change to memory.webhook, if there is one. For the first worker.
  void TellBackend(const memwatch::PressureChange& change);

  void OnDeadline(net::Deadline& deadline) override;

 private:
  // So much more queued, amid a turn, is worth a look at the level.
  static constexpr size_t kGrowthToLookAt = 256 * 1024;
  // Between two looks for sessions whose route or endpoint is to have none.
  static constexpr Duration kLeavingInterval = std::chrono::milliseconds(500);

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
  void MoveToNewest(Session& session) override { members_.sessions.MoveToBack(session); }
  void WatchGrowth() override { relief_.WatchGrowth(); }
  void ConnectionOver() override;
  void Retire(ProxyGreeting& greeting) override;
  void Retire(Client& client) override;
  void Retire(Session& session) override;
  void Retire(LingeringClose& lingering) override;

  const Options& options() const { return context_.options(); }
  // The worker's views of the generation's backends.
  std::vector<pool::UpstreamRef> Take(const Generation& generation, const std::vector<pool::Backend>& backends);
  void Greet(int fd, const Peer& peer, const ListenerTerms& terms);
  void RunOneTurn();
  void ProcessHeldRequests();
  void ForgetOldFrames();
  void CloseSomeSessions();
  void CloseSomeLeaving();

  Shared& shared_;
  WorkerMetrics& metrics_;
  std::unique_ptr<net::Loop> loop_;
  pool::Upstreams upstreams_;
  std::unique_ptr<MemoryWebhook> webhook_;
  std::optional<AffinityUpkeep> affinity_upkeep_;  // the first worker's
  Entrances entrances_;
  // What is lent to clients and their outboxes, which die before it.
  OutboxStores outboxes_;
  InflaterStore inflaters_;
  WorkerContext context_;
  TimePoint frames_expired_{};
  Directory directory_;
  Members members_;
  List<Client, &Client::soon_hook_> soon_;
  WorkerRelief relief_;
  Pusher pusher_;
  const ConnectionLister connection_lister_;
  SessionActions actions_;
  net::Deadline drain_deadline_;
  DrainPace drain_pace_{TimePoint{}, Duration::zero(), 0};  // since Drain
  net::Deadline leaving_deadline_;
  DrainPace leaving_pace_{TimePoint{}, Duration::zero(), 0};  // since the last CloseLeaving
  bool stopped_ = false;
};

}  // namespace sheaf
