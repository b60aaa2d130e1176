// The process: workers, their threads, what they share, and its life from start to drained end.
//
//   Server server(options, version);
//   return server.Run();      // blocks; the exit status
//
// Run must be called in the main thread, which then handles signals and nothing else.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "memwatch/memory_watcher.h"
#include "pool/endpoint.h"
#include "proxy/admin.h"
#include "proxy/base/clock.h"
#include "proxy/base/metrics.h"
#include "proxy/base/option_table.h"
#include "proxy/net/tls_context.h"
#include "proxy/routes.h"
#include "proxy/worker.h"

namespace sheaf {

class Server final : private AdminSource {
 public:
  // `options`: loaded and checked by proxy/config.h.
  Server(Options options, std::string version);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  // Starts, serves until SIGTERM or SIGINT, drains. 0: drained; 1: it could not start (the log says why), or a second
  // signal cut the drain short.
  int Run();

 private:
  // Nothing listens before everything that can fail has succeeded.
  Result<bool> Start();
  Result<bool> MakeEndpoint();
  // An explicit pool.min_size is obeyed, and told once where it is risky.
  void WarnOfWarmLinks() const;
  Result<bool> MakeWorkers();
  void MakeWatcher();
  void WaitForSignal();
  // False when a second signal came.
  bool Drain();
  void StopWorkers();
  // A backend with a name may move: it is looked up again from time to time.
  void ResolveAgain();

  // The watcher's thread.
  void OnPressure(const memwatch::PressureChange& change);
  uint64_t Relieve(ReliefStep step);

  // AdminSource: the admin thread.
  Readiness ready() const override;
  bool started() const override { return started_.load(std::memory_order_relaxed); }
  StatsSnapshot Stats() const override;
  const memwatch::MemoryHistory& memory_history() const override { return watcher_->monitor().history(); }
  const MetricsRegistry& metrics() const override { return metrics_; }

  const Options options_;
  const TimePoint created_ = SteadyClock().Now();
  const Routes routes_;
  MetricsRegistry metrics_;
  std::unique_ptr<net::TlsContext> tls_;
  std::unique_ptr<pool::Endpoint> endpoint_;
  std::unique_ptr<pool::PoolBudget> budget_;
  std::unique_ptr<Shared> shared_;
  net::Address upstream_address_;
  bool upstream_has_name_ = false;
  std::atomic<bool> started_{false};      // listening
  std::atomic<bool> terminating_{false};  // SIGTERM came: not ready any more
  std::unique_ptr<memwatch::MemoryWatcher> watcher_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::thread> threads_;
  std::unique_ptr<Admin> admin_;  // nullptr: admin.address is empty
};

}  // namespace sheaf
