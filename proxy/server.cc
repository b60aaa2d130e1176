#include "proxy/server.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "memwatch/allocator.h"
#include "proxy/backend_facts.h"
#include "proxy/base/events.h"
#include "proxy/base/log.h"
#include "proxy/control/drain_pace.h"
#include "proxy/cpu_quota.h"
#include "proxy/logging.h"
#include "proxy/relief_tally.h"

namespace sheaf {
namespace {

using std::chrono::steady_clock;

// A worker makes a turn at least every 100 ms; one that hangs must not keep memory from being watched.
constexpr std::chrono::milliseconds kReliefPatience(500);
constexpr std::chrono::milliseconds kReliefSlice(10);

}  // namespace

Server::Server(ConfigRead first, ReadConfig read, std::string version)
    : metrics_(std::move(version)),
      lifecycle_(first.options.drain, first.options.websocket.close_timeout, *this),
      first_(std::move(first)),
      conf_file_(first_.sources.file),
      read_(std::move(read)) {}

Server::~Server() {
  Stop();
}

int Server::Run() {
  if (const Result<bool> started = Start(); !started.ok()) {
    Log(LogKind::kLast, LogLevel::kError, "cannot start", {{"error", started.error()}});
    return 1;
  }
  main_->ReadSignals();  // one that came meanwhile has nothing to drain
  if (!lifecycle_.stopped()) Serve();
  main_->Run();
  Stop();
  Log(LogKind::kLast, LogLevel::kInfo, lifecycle_.cut_short() ? "stopped before the drain was over" : "stopped");
  return lifecycle_.cut_short() ? 1 : 0;
}

Result<bool> Server::Start() {
  constexpr Result<bool> (Server::*kSteps[])() = {&Server::MakeMainLoop, &Server::MakeGeneration, &Server::MakeWorkers,
                                                  &Server::MakeWatcher, &Server::MakeAdmin};
  for (const auto step : kSteps) {
    if (auto made = (this->*step)(); !made.ok()) return made;
  }
  return true;
}

Result<bool> Server::MakeMainLoop() {
  auto main = MainLoop::Create(
      lifecycle_, [this] { return shared_->connections.load(std::memory_order_relaxed); }, [this] { OnHangUp(); });
  if (!main.ok()) return Error{main.error()};
  main_ = std::move(main.value());
  reloader_ = std::make_unique<Reloader>(main_->loop(), read_, *this, metrics_.process());
  return true;
}

Result<bool> Server::MakeGeneration() {
  const auto look_up = [](const std::string& name) { return net::Address::ResolveAll(name); };
  backends_ = std::make_unique<Backends>(main_->loop(), look_up, metrics_.endpoints(), *this);
  auto backends = backends_->Prepare(first_.options);
  if (!backends.ok()) return Error{backends.error()};
  backends_->Apply(std::move(backends.value()));
  PublishBackends();
  Publish(std::make_shared<const Generation>(std::move(first_.options), std::move(first_.digest), nullptr,
                                             std::move(first_.sources)));
  return true;
}

void Server::WarnOfWarmLinks() const {
  const uint32_t asked = in_force()->options.pool.min_size;
  const pool::EndpointRef free = asked == kAuto || asked == 0 ? nullptr : FindDialledForFree(backends());
  if (!free) return;
  Announce(
      EventKind::kStart, LogLevel::kWarning,
      "pool.min_size keeps connections open that gain nothing here and may starve the backend: servers that give a "
      "worker to each (gunicorn's sync and gthread) or count them (uvicorn's --limit-concurrency); \"auto\" keeps none",
      {{"min_size", asked}, {"upstream", free->name()}});
}

Result<bool> Server::MakeWorkers() {
  const std::shared_ptr<const Generation> first = in_force();
  const Options& options = first->options;
  const uint32_t count = options.workers != kAuto ? options.workers : AutoWorkers();
  const uint32_t warm = WarmLinks(backends(), options.pool);
  const auto listeners = static_cast<uint32_t>(options.listeners.size());
  const Result<DescriptorLimit> descriptors = TakeDescriptorLimit(count, warm, listeners);
  if (!descriptors.ok()) return Error{descriptors.error()};
  descriptors_ = descriptors.value();
  shared_.reset(new Shared{.workers = count, .cpu_share = std::min(Cpus() / count, 1.0)});
  SetMaxConnections(options.listen);
  listeners_ = std::make_unique<Listeners>(count);
  auto opened = listeners_->Prepare(options.listeners);
  if (!opened.ok()) return Error{opened.error()};
  for (uint32_t index = 0; index < count; ++index) {
    Result<std::unique_ptr<net::Loop>> loop =
        net::Loop::Create({.high = options.limits.buffer_high, .low = options.limits.buffer_low});
    if (!loop.ok()) return Error{loop.error()};
    workers_.push_back(std::make_unique<Worker>(*shared_, first, std::move(loop.value()), index, backends_->all(),
                                                metrics_.AddWorker()));
  }
  asks_ = std::make_unique<Asks>(
      main_->loop(), [this](size_t worker, std::function<void()> work) { workers_[worker]->Post(std::move(work)); });
  const std::vector<EntranceChanges> changes = listeners_->Apply(std::move(opened.value()));
  for (uint32_t index = 0; index < count; ++index) workers_[index]->ChangeEntrances(changes[index]);
  ShowInMetrics(options);
  return true;
}

void Server::ShowInMetrics(const Options& options) {
  metrics_.process().pool_max_links.Set(options.pool.max_size);
  metrics_.process().tls_certificate_expiry.Set(listeners_->first_expiry().time_since_epoch().count());
}

void Server::SetMaxConnections(const Options::Listen& options) {
  shared_->max_connections.store(MaxConnections(options.max_connections, descriptors_.limit, descriptors_.least),
                                 std::memory_order_relaxed);
}

Result<bool> Server::MakeWatcher() {
  watcher_ = std::make_unique<memwatch::MemoryWatcher>(in_force()->options.memory, "", metrics_.process());
  watcher_->monitor().SetRelief([this](ReliefStep step) { return Relieve(step); }, [this] { return metrics_.Sum(); });
  watcher_->monitor().AddCallback(PressureLevel::kModerate,
                                  [this](const memwatch::PressureChange& change) { OnPressure(change); });
  shared_->watcher = watcher_.get();
  return true;
}

Result<bool> Server::MakeAdmin() {
  operations_.emplace(Operations::Lent{.main = main_->loop(),
                                       .lifecycle = lifecycle_,
                                       .drains = drains_,
                                       .metrics = metrics_,
                                       .reloader = *reloader_,
                                       .asks = *asks_,
                                       .memory = watcher_->monitor(),
                                       .workers = workers_,
                                       .in_force = [this] { return in_force(); },
                                       .backends = [this] { return backends(); }});
  if (in_force()->options.admin.address.empty()) return true;
  auto admin = Admin::Start(in_force()->options.admin, *operations_);
  if (!admin.ok()) return Error{admin.error()};
  admin_ = std::move(admin.value());
  return true;
}

void Server::Serve() {
  for (const std::unique_ptr<Worker>& worker : workers_) threads_.emplace_back([&worker] { worker->Run(); });
  watcher_->Start();
  lifecycle_.Serve();
  WarnOfWarmLinks();
  LogListening();
  WatchFiles();
  service_manager_.Ready("serving");
  watchdog_ = std::make_unique<Watchdog>(main_->loop(), metrics_, service_manager_);
  if (hung_up_) OnHangUp();
}

void Server::LogListening() const {
  const std::shared_ptr<const Generation> now = in_force();
  std::string all;
  std::string with_tls;
  for (const ListenerOptions& listener : now->options.listeners) {
    all.append(all.empty() ? "" : ", ").append(listener.address);
    if (listener.is_tls()) with_tls.append(with_tls.empty() ? "" : ", ").append(listener.address);
  }
  // The addresses with TLS are named only where not all are alike.
  const std::string tls = with_tls.empty() ? "off" : with_tls == all ? "on" : with_tls;
  Announce(EventKind::kStart, LogLevel::kInfo, "listening",
           {{"address", all},
            {"tls", tls},
            {"upstream", UrlsOf(now->options)},
            {"workers", workers_.size()},
            {"admin", now->options.admin.address},
            {"version", metrics_.version()},
            {"pid", getpid()}});
}

// ---- reload

void Server::OnHangUp() {
  // What was changed before it came is taken up as soon as there is something to take it up.
  if (lifecycle_.stage() == Stage::kStarting) {
    hung_up_ = true;
  } else {
    reloader_->Ask({.by = "SIGHUP"});
  }
}

void Server::OnReloadBegins() {
  if (lifecycle_.stage() == Stage::kServing) service_manager_.Reloading(main_->loop().now());
}

void Server::OnReloadEnds(const ReloadAnswer& answer) {
  if (lifecycle_.stage() != Stage::kServing) return;
  const std::string generation = std::to_string(answer.generation);
  service_manager_.Ready(answer.taken
                             ? "serving, generation " + generation
                             : "the last reload failed, serving generation " + generation + ": " + answer.error);
}

void Server::WatchFiles() {
  const std::shared_ptr<const Generation> now = in_force();
  if (!now->options.reload.watch) return file_watch_.reset();
  if (!file_watch_) {
    // Not from within the watch: what comes of it may end the watch.
    auto made = FileWatch::Create(main_->loop(), [this] { main_->loop().Post([this] { OnFilesChanged(); }); });
    if (!made.ok())
      return Announce(EventKind::kReload, LogLevel::kWarning, "reload.watch does not work", {{"error", made.error()}});
    file_watch_ = std::move(made.value());
  }
  file_watch_->Watch(FilesOf(conf_file_, now->options));
}

void Server::OnFilesChanged() {
  WatchFiles();  // links may lead elsewhere now
  reloader_->Ask({.by = "reload.watch", .patience = kPatienceWithFiles});
}

std::shared_ptr<const Generation> Server::in_force() const {
  const std::lock_guard lock(generation_mutex_);
  return generation_;
}

void Server::Publish(std::shared_ptr<const Generation> next) {
  const std::lock_guard lock(generation_mutex_);
  generation_ = std::move(next);
}

std::string_view Server::refusal() const {
  return lifecycle_.stage() == Stage::kServing ? "" : "the process is not serving: it starts, drains or ends";
}

Result<std::shared_ptr<const Generation>> Server::Prepare(ConfigRead read) {
  auto backends = backends_->Prepare(read.options);
  if (!backends.ok()) return Error{backends.error()};
  // The last of all that can fail: it binds.
  auto change = listeners_->Prepare(read.options.listeners);
  if (!change.ok()) return Error{change.error()};
  if (auto admin = PrepareAdmin(read.options.admin); !admin.ok()) return Error{admin.error()};
  next_listeners_.emplace(std::move(change.value()));
  next_backends_.emplace(std::move(backends.value()));
  return std::make_shared<const Generation>(std::move(read.options), std::move(read.digest), in_force().get(),
                                            std::move(read.sources));
}

Result<bool> Server::PrepareAdmin(const Options::Admin& options) {
  next_admin_.reset();
  const bool moves = options.address != in_force()->options.admin.address;
  if (!moves || options.address.empty()) return true;
  auto admin = Admin::Start(options, *operations_);
  if (!admin.ok()) return Error{admin.error()};
  next_admin_ = std::move(admin.value());
  return true;
}

void Server::Adopt(std::shared_ptr<const Generation> next, std::function<void()> done) {
  const bool moves = in_force()->options.admin.address != next->options.admin.address;
  const auto admin = std::make_shared<std::unique_ptr<Admin>>(std::move(next_admin_));
  const bool same_addresses = next_listeners_->added().empty() && next_listeners_->removed().empty();
  const auto entrances =
      std::make_shared<const std::vector<EntranceChanges>>(listeners_->Apply(std::move(*next_listeners_)));
  next_listeners_.reset();
  backends_->Apply(std::move(*next_backends_));
  next_backends_.reset();
  PublishBackends();
  AdoptInMain(*next);
  Publish(next);
  WatchFiles();
  if (!same_addresses) LogListening();
  const auto take = [this, next, backends = backends_->all(), entrances](size_t index) -> Asks::Answer {
    workers_[index]->Adopt(next, backends);
    workers_[index]->ChangeEntrances((*entrances)[index]);
    return [] {};
  };
  asks_->Ask({.workers = AllOf(workers_)}, take, [this, moves, admin, done](const std::vector<size_t>& /*late*/) {
    // Whoever asked for the reload over the old address has the answer before it goes.
    const std::unique_ptr<Admin> before = moves ? std::exchange(admin_, std::move(*admin)) : nullptr;
    done();
  });
}

void Server::AdoptInMain(const Generation& next) {
  AdoptLogging(next.options.log);
  lifecycle_.Adopt(next.options.drain, next.options.websocket.close_timeout);
  SetMaxConnections(next.options.listen);
  ShowInMetrics(next.options);
  watcher_->Adopt(next.options.memory);
  // One that moves ends as it was: who may ask depends on where.
  const bool stays = next.options.admin.address == in_force()->options.admin.address;
  if (admin_ && stays) admin_->Adopt(next.options.admin);
}

// Sockets that nobody accepts from close: balancers try the next pod at once where they are refused, and would not
// where they got a 503.
void Server::OnDrain(Duration window) {
  drains_.OnDrain();
  shared_->draining.store(true, std::memory_order_relaxed);
  listeners_->GiveUp();
  const int64_t sessions = metrics_.Sum().websocket_sessions;
  if (sessions <= int64_t{DrainPace::kAtOnce}) window = Duration::zero();
  const auto drain = [this, window](size_t index) -> Asks::Answer {
    workers_[index]->Drain(window);
    return [] {};
  };
  asks_->Ask({.workers = AllOf(workers_)}, drain,
             [this](const std::vector<size_t>& /*late*/) { listeners_->OnAllClosed(); });
}

Result<bool> Server::OnUndrain() {
  auto opened = listeners_->Prepare(in_force()->options.listeners);
  if (!opened.ok()) return Error{opened.error()};
  shared_->draining.store(false, std::memory_order_relaxed);
  const std::vector<EntranceChanges> changes = listeners_->Apply(std::move(opened.value()));
  for (size_t i = 0; i < workers_.size(); ++i) {
    workers_[i]->Post([&worker = *workers_[i], change = changes[i]] { worker.Undrain(change); });
  }
  return true;
}

void Server::OnEndpoints(const pool::Backend& backend) {
  PublishBackends();
  for (const std::unique_ptr<Worker>& worker : workers_) {
    worker->Post([&worker = *worker, backend] { worker.SetEndpoints(backend); });
  }
}

void Server::OnNoAddress(std::string_view backend) {
  for (const std::unique_ptr<Worker>& worker : workers_) {
    worker->Post([&worker = *worker, name = std::string(backend)] { worker.OnNoAddress(name); });
  }
}

std::vector<pool::Backend> Server::backends() const {
  const std::lock_guard lock(generation_mutex_);
  return backends_now_;
}

void Server::PublishBackends() {
  const std::lock_guard lock(generation_mutex_);
  backends_now_ = backends_->all();
}

void Server::OnPressure(const memwatch::PressureChange& change) {
  shared_->pressure.store(change.after, std::memory_order_relaxed);
  workers_.front()->Post([&worker = *workers_.front(), change] { worker.TellBackend(change); });
  // They follow the level in their next turn, which begins now.
  for (const std::unique_ptr<Worker>& worker : workers_) worker->Post([] {});
}

uint64_t Server::Relieve(ReliefStep step) {
  if (step == ReliefStep::kTrimAllocator) return memwatch::ReturnFreeMemory();
  const auto tally = std::make_shared<ReliefTally>(workers_.size());
  for (const std::unique_ptr<Worker>& worker : workers_) {
    worker->Post([&worker = *worker, step, tally] { tally->Add(worker.Relieve(step)); });
  }
  const auto patience_ends = steady_clock::now() + kReliefPatience;
  uint64_t given_back = tally->Wait(kReliefSlice);
  while (!tally->done() && steady_clock::now() < patience_ends && !watcher_->monitor().WouldRise()) {
    given_back = tally->Wait(kReliefSlice);
  }
  return given_back;
}

void Server::Stop() {
  if (watcher_) watcher_->Stop();
  for (size_t i = 0; i < threads_.size(); ++i) {
    workers_[i]->Post([&worker = *workers_[i]] { worker.Stop(); });
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  if (listeners_) listeners_->GiveUp();
  admin_.reset();  // the last to go: probes are answered to the end
}

}  // namespace sheaf
