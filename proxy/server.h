// The process: workers, their threads, what they share, and its life from start to drained end.
//
//   Server server(options, version);
//   return server.Run();      // blocks; the exit status
//
// Run must be called in the main thread, before any other is started.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "memwatch/memory_watcher.h"
#include "pool/backend.h"
#include "proxy/admin/admin.h"
#include "proxy/base/clock.h"
#include "proxy/base/metrics.h"
#include "proxy/base/option_table.h"
#include "proxy/control/lifecycle.h"
#include "proxy/control/main_loop.h"
#include "proxy/control/resolver.h"
#include "proxy/net/listener.h"
#include "proxy/net/tls_context.h"
#include "proxy/plan/routes.h"
#include "proxy/worker.h"

namespace sheaf {

class Server final : private AdminSource, LifecycleEvents, ResolverEvents {
 public:
  // `options`: loaded and checked by proxy/config/config.h.
  Server(Options options, std::string version);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  // Starts, serves until SIGTERM or SIGINT, drains. 0: drained, or told to end before it had started; 1: it could not
  // start (the log says why), or a second signal cut the drain short.
  int Run();

 private:
  // Nobody is served before everything that can fail has succeeded.
  Result<bool> Start();
  Result<bool> MakeMainLoop();
  Result<bool> MakeTls();
  Result<bool> MakeBackend();
  Result<bool> FindUpstream();
  // An explicit pool.min_size is obeyed, and told once where it is risky.
  void WarnOfWarmLinks() const;
  // At listen.address, a socket for each worker.
  Result<bool> Listen(uint32_t workers);
  Result<bool> MakeWorkers();
  Result<bool> MakeWatcher();
  Result<bool> MakeAdmin();
  void Serve();
  void Stop();

  // LifecycleEvents
  void OnDrain(Duration window) override;
  // ResolverEvents
  void OnAddresses(const std::vector<net::Address>& addresses) override;
  void OnNoAddress() override;

  // The watcher's thread.
  void OnPressure(const memwatch::PressureChange& change);
  uint64_t Relieve(ReliefStep step);

  // AdminSource: the admin thread.
  Readiness ready() const override;
  bool started() const override { return lifecycle_.stage() != Stage::kStarting; }
  StatsSnapshot Stats() const override;
  const memwatch::MemoryHistory& memory_history() const override { return watcher_->monitor().history(); }
  const MetricsRegistry& metrics() const override { return metrics_; }

  const Options options_;
  const TimePoint created_ = SteadyClock().Now();
  const Routes routes_;
  MetricsRegistry metrics_;
  Lifecycle lifecycle_;
  std::unique_ptr<MainLoop> main_;
  std::unique_ptr<net::TlsContext> tls_;
  std::shared_ptr<pool::Backend> backend_;
  std::unique_ptr<Shared> shared_;
  pool::DialTargets upstream_;          // where workers begin; empty until a name is found
  std::unique_ptr<Resolver> resolver_;  // nullptr: upstream.url has no name to look up
  std::unique_ptr<memwatch::MemoryWatcher> watcher_;
  std::unique_ptr<net::Listener> listener_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::thread> threads_;
  std::unique_ptr<Admin> admin_;  // nullptr: admin.address is empty
};

}  // namespace sheaf
