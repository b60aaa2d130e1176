// The process: workers, their threads, what they share, and its life from start to drained end.
//
//   Server server(read, first, version);
//   return server.Run();      // blocks; the exit status
//
// It begins with one configuration and takes up others while it runs (reload.h).
//
// Run must be called in the main thread, before any other is started.
#pragma once

#include <unistd.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "memwatch/memory_watcher.h"
#include "proxy/admin/admin.h"
#include "proxy/backends.h"
#include "proxy/base/clock.h"
#include "proxy/base/metrics.h"
#include "proxy/base/option_table.h"
#include "proxy/control/ask.h"
#include "proxy/control/drain_desk.h"
#include "proxy/control/file_watch.h"
#include "proxy/control/lifecycle.h"
#include "proxy/control/main_loop.h"
#include "proxy/control/service_manager.h"
#include "proxy/descriptor_limit.h"
#include "proxy/listeners.h"
#include "proxy/operations.h"
#include "proxy/plan/generation.h"
#include "proxy/reload.h"
#include "proxy/watchdog.h"
#include "proxy/worker.h"

namespace sheaf {

class Server final : public LifecycleEvents, public BackendEvents, public ReloadTarget {
 public:
  // `first`: loaded and checked by proxy/config/config.h. `read`: reads it anew, for a reload.
  Server(ConfigRead first, ReadConfig read, std::string version);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  // Starts, serves until SIGTERM or SIGINT, drains. 0: drained, or told to end before it had started; 1: it could not
  // start (the log says why), or a second signal cut the drain short.
  int Run();

 private:
  // A certificate and its key are replaced one after the other.
  static constexpr Duration kPatienceWithFiles = std::chrono::seconds(5);

  // Nobody is served before everything that can fail has succeeded.
  Result<bool> Start();
  Result<bool> MakeMainLoop();
  Result<bool> MakeGeneration();
  // An explicit pool.min_size is obeyed, and told once where it is risky.
  void WarnOfWarmLinks() const;
  Result<bool> MakeWorkers();
  Result<bool> MakeWatcher();
  Result<bool> MakeAdmin();
  void Serve();
  void LogListening() const;
  void Stop();

  // LifecycleEvents
  void OnEnding() override { service_manager_.Stopping("draining"); }
  void OnDrain(Duration window) override;
  Result<bool> OnUndrain() override;
  void OnDrainOver(DrainEnd end) override { drains_.OnDrainOver(end); }
  // BackendEvents
  void OnEndpoints(const pool::Backend& backend) override;
  void OnNoAddress(std::string_view backend) override;
  // ReloadTarget
  Result<std::shared_ptr<const Generation>> Prepare(ConfigRead read) override;
  void Adopt(std::shared_ptr<const Generation> next, std::function<void()> done) override;
  void OnReloadBegins() override;
  void OnReloadEnds(const ReloadAnswer& answer) override;
  std::string_view refusal() const override;
  // Any thread.
  std::shared_ptr<const Generation> in_force() const override;

  void OnHangUp();
  // For reload.watch.
  void WatchFiles();
  void OnFilesChanged();
  // Where admin.address is another one.
  Result<bool> PrepareAdmin(const Options::Admin& options);
  void SetMaxConnections(const Options::Listen& options);
  // What of a configuration is in force and has a metric, the expiry of certificates among it.
  void ShowInMetrics(const Options& options);
  // What is no worker's.
  void AdoptInMain(const Generation& next);
  void Publish(std::shared_ptr<const Generation> next);
  // Any thread: the backends as they are now.
  std::vector<pool::Backend> backends() const;
  void PublishBackends();

  // The watcher's thread.
  void OnPressure(const memwatch::PressureChange& change);
  uint64_t Relieve(ReliefStep step);

  MetricsRegistry metrics_;
  const ServiceManager service_manager_{ServiceManager::Environment::Read(environ)};
  Lifecycle lifecycle_;
  DrainDesk drains_{lifecycle_, metrics_};
  std::unique_ptr<MainLoop> main_;
  ConfigRead first_;             // until it is a generation
  const std::string conf_file_;  // empty: there is none
  const ReadConfig read_;
  mutable std::mutex generation_mutex_;
  std::shared_ptr<const Generation> generation_;  // in force; under the mutex
  std::vector<pool::Backend> backends_now_;       // those of backends_; under the mutex
  DescriptorLimit descriptors_{};
  std::unique_ptr<Backends> backends_;
  std::unique_ptr<Reloader> reloader_;
  std::unique_ptr<FileWatch> file_watch_;  // nullptr: reload.watch is off
  std::unique_ptr<Shared> shared_;
  std::unique_ptr<memwatch::MemoryWatcher> watcher_;
  std::unique_ptr<Listeners> listeners_;
  std::optional<Listeners::Change> next_listeners_;  // from Prepare to Adopt
  std::optional<Backends::Change> next_backends_;    // the same
  std::unique_ptr<Asks> asks_;                       // of the workers
  Workers workers_;
  std::vector<std::thread> threads_;
  std::optional<Operations> operations_;  // since MakeAdmin
  std::unique_ptr<Admin> admin_;          // nullptr: admin.address is empty
  std::unique_ptr<Admin> next_admin_;     // from Prepare to Adopt
  std::unique_ptr<Watchdog> watchdog_;
  bool hung_up_ = false;  // SIGHUP came before there was anything to reload
};

}  // namespace sheaf
