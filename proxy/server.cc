#include "proxy/server.h"

#include <unistd.h>

#include <chrono>
#include <utility>

#include "memwatch/allocator.h"
#include "proxy/base/build_info.h"
#include "proxy/base/log.h"
#include "proxy/control/drain_pace.h"
#include "proxy/cpu_quota.h"
#include "proxy/descriptor_limit.h"
#include "proxy/plan/rule_labels.h"
#include "proxy/relief_tally.h"

namespace sheaf {
namespace {

using std::chrono::steady_clock;

// A worker makes a turn at least every 100 ms; one that hangs must not keep memory from being watched.
constexpr std::chrono::milliseconds kReliefPatience(500);
constexpr std::chrono::milliseconds kReliefSlice(10);

}  // namespace

Server::Server(Options options, std::string version)
    : options_(std::move(options)),
      routes_(options_),
      metrics_(std::move(version)),
      lifecycle_(options_.drain, options_.websocket.close_timeout, *this) {}

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
  constexpr Result<bool> (Server::*kSteps[])() = {&Server::MakeMainLoop, &Server::MakeTls,     &Server::MakeBackend,
                                                  &Server::FindUpstream, &Server::MakeWorkers, &Server::MakeWatcher,
                                                  &Server::MakeAdmin};
  for (const auto step : kSteps) {
    if (auto made = (this->*step)(); !made.ok()) return made;
  }
  return true;
}

Result<bool> Server::MakeMainLoop() {
  auto main = MainLoop::Create(lifecycle_, [this] { return shared_->connections.load(std::memory_order_relaxed); });
  if (!main.ok()) return Error{main.error()};
  main_ = std::move(main.value());
  return true;
}

Result<bool> Server::MakeTls() {
  if (options_.listen.tls_certificate.empty()) return true;
  auto tls = net::TlsContext::ForServer(options_.listen.tls_certificate, options_.listen.tls_key);
  if (!tls.ok()) return Error{tls.error()};
  tls_ = std::move(tls.value());
  return true;
}

void Server::WarnOfWarmLinks() const {
  const uint32_t asked = options_.pool.min_size;
  if (asked == kAuto || asked == 0 || !backend_->endpoint().url().dials_for_free()) return;
  Log(LogLevel::kWarning,
      "pool.min_size keeps connections open that gain nothing here and may starve the backend: servers that give a "
      "worker to each (gunicorn's sync and gthread) or count them (uvicorn's --limit-concurrency); \"auto\" keeps none",
      {{"min_size", asked}, {"upstream", options_.upstream.url}});
}

Result<bool> Server::MakeBackend() {
  auto backend = pool::Backend::Make(options_.upstream, options_.pool);
  if (!backend.ok()) return Error{backend.error()};
  backend_ = std::move(backend.value());
  return true;
}

Result<bool> Server::FindUpstream() {
  const pool::UpstreamUrl& url = backend_->endpoint().url();
  if (!url.host.empty() && !net::IsIpLiteral(url.host) && url.host != net::kLocalhost) {
    // The backend's name may appear later than we do (containers that start side by side).
    const auto look_up = [](const std::string& name) { return net::Address::ResolveAll(name); };
    resolver_.reset(
        new Resolver(main_->loop(), url.address, {.interval = options_.upstream.resolve_interval}, look_up, *this));
    backend_->endpoint().WatchDials([this] { resolver_->LookSoon(); });
    return true;
  }
  const Result<std::vector<net::Address>> addresses = net::Address::ResolveAll(url.address);
  if (!addresses.ok()) return Error{"upstream.url: " + addresses.error()};
  upstream_ = addresses.value();
  return true;
}

Result<bool> Server::Listen(uint32_t workers) {
  const Options::Listen& options = options_.listen;
  const Result<net::Address> address = net::Address::Resolve(options.address, true);
  if (!address.ok()) return Error{"listen.address: " + address.error()};
  auto listener = net::Listener::Open(address.value(), {.backlog = static_cast<int>(options.backlog),
                                                        .sockets = workers,
                                                        .ipv6_only = options.ipv6_only,
                                                        .mode = ParseFileMode(options.socket_mode)});
  if (!listener.ok()) return Error{"listen.address: " + listener.error()};
  listener_ = std::move(listener.value());
  return true;
}

Result<bool> Server::MakeWorkers() {
  const uint32_t count = options_.workers != kAuto ? options_.workers : AutoWorkers();
  const uint32_t warm = pool::WarmLinks(options_.pool, backend_->endpoint().url());
  const Result<DescriptorLimit> descriptors = TakeDescriptorLimit(count, warm);
  if (!descriptors.ok()) return Error{descriptors.error()};
  shared_.reset(new Shared{.options = options_,
                           .routes = routes_,
                           .backend = backend_,
                           .tls = tls_.get(),
                           .workers = count,
                           .max_connections = MaxConnections(options_.listen.max_connections, descriptors.value().limit,
                                                             descriptors.value().least),
                           .cpu_share = std::min(Cpus() / count, 1.0)});
  if (auto listening = Listen(count); !listening.ok()) return listening;
  metrics_.DefineRoutes(MakeRouteLabels(routes_.all()));
  for (uint32_t index = 0; index < count; ++index) {
    Result<std::unique_ptr<net::Loop>> loop =
        net::Loop::Create({.high = options_.limits.buffer_high, .low = options_.limits.buffer_low});
    if (!loop.ok()) return Error{loop.error()};
    workers_.push_back(std::make_unique<Worker>(*shared_, std::move(loop.value()), listener_->Take(), index, upstream_,
                                                metrics_.AddWorker()));
  }
  return true;
}

Result<bool> Server::MakeWatcher() {
  watcher_ = std::make_unique<memwatch::MemoryWatcher>(options_.memory, "", metrics_.process());
  watcher_->monitor().SetRelief([this](ReliefStep step) { return Relieve(step); }, [this] { return metrics_.Sum(); });
  watcher_->monitor().AddCallback(PressureLevel::kModerate,
                                  [this](const memwatch::PressureChange& change) { OnPressure(change); });
  shared_->watcher = watcher_.get();
  return true;
}

Result<bool> Server::MakeAdmin() {
  if (options_.admin.address.empty()) return true;
  auto admin = Admin::Start(options_.admin, *this);
  if (!admin.ok()) return Error{admin.error()};
  admin_ = std::move(admin.value());
  return true;
}

void Server::Serve() {
  for (const std::unique_ptr<Worker>& worker : workers_) threads_.emplace_back([&worker] { worker->Run(); });
  watcher_->Start();
  lifecycle_.Serve();
  WarnOfWarmLinks();
  Log(LogLevel::kInfo, "listening",
      {{"address", options_.listen.address},
       {"tls", tls_ ? "on" : "off"},
       {"upstream", options_.upstream.url},
       {"workers", workers_.size()},
       {"admin", options_.admin.address},
       {"version", metrics_.version()},
       {"pid", getpid()}});
}

void Server::OnDrain(Duration window) {
  shared_->draining.store(true, std::memory_order_relaxed);
  const int64_t sessions = metrics_.Sum().websocket_sessions;
  if (sessions <= int64_t{DrainPace::kAtOnce}) window = Duration::zero();
  for (const std::unique_ptr<Worker>& worker : workers_) {
    worker->Post([&worker = *worker, window] { worker.Drain(window); });
  }
}

void Server::OnAddresses(const std::vector<net::Address>& addresses) {
  for (const std::unique_ptr<Worker>& worker : workers_) {
    worker->Post([&worker = *worker, addresses] { worker.SetUpstreamAddresses(addresses); });
  }
}

void Server::OnNoAddress() {
  for (const std::unique_ptr<Worker>& worker : workers_) {
    worker->Post([&worker = *worker] { worker.OnNoUpstreamAddress(); });
  }
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
  listener_.reset();
  admin_.reset();  // the last to go: probes are answered to the end
}

AdminSource::Readiness Server::ready() const {
  if (!started()) return {false, "not listening yet"};
  if (lifecycle_.stage() != Stage::kServing) return {false, "draining"};
  if (resolver_ && !resolver_->known()) return {false, "the backend's name has no address yet"};
  // Without health checks and warm connections nobody reaches for the backend before a client comes, and none would
  // come.
  const Options::Pool& pool = options_.pool;
  const uint32_t warm = pool::WarmLinks(pool, backend_->endpoint().url());
  const bool watched = pool.health_check_interval.count() > 0 || (warm > 0 && pool.health_check_path.empty());
  if (watched && !backend_->endpoint().up()) return {false, "the backend is not up"};
  if (InForce(ReliefStep::kRefuse, watcher_->monitor().level())) return {false, "memory is short"};
  return {true, ""};
}

StatsSnapshot Server::Stats() const {
  StatsSnapshot snapshot;
  snapshot.totals = metrics_.Sum();
  snapshot.routes = metrics_.routes();
  snapshot.version = metrics_.version();
  snapshot.commit = BuildCommit();
  snapshot.uptime = SteadyClock().Now() - created_;
  snapshot.workers = metrics_.workers();
  snapshot.pool_min_size = pool::WarmLinks(options_.pool, backend_->endpoint().url());
  snapshot.pool_max_size = options_.pool.max_size;
  snapshot.ready = ready().ready;
  snapshot.memory_thresholds = memwatch::PressureThresholds::From(options_.memory);
  snapshot.memory = watcher_->monitor().history().Latest().value_or(memwatch::MemorySample{});
  snapshot.memory_summary = watcher_->monitor().history().Summary();
  return snapshot;
}

}  // namespace sheaf
