#include "proxy/operations.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <numeric>
#include <utility>

#include "proxy/backend_facts.h"
#include "proxy/base/build_info.h"
#include "proxy/base/events.h"
#include "proxy/plan/rule_labels.h"
#include "proxy/pool_rows.h"

namespace sheaf {
namespace {

uint32_t LeasedOfBusiest(const EndpointTable& endpoints) {
  uint32_t most = 0;
  for (const std::shared_ptr<const EndpointCounters>& one : endpoints.All()) {
    most = std::max(most, one->links[static_cast<size_t>(pool::LinkState::kActive)].load(std::memory_order_relaxed));
  }
  return most;
}

}  // namespace

std::vector<size_t> AllOf(const Workers& workers) {
  std::vector<size_t> all(workers.size());
  std::iota(all.begin(), all.end(), size_t{0});
  return all;
}

Operations::Operations(Lent lent)
    : lent_(std::move(lent)),
      connections_({.main = lent_.main, .asks = lent_.asks, .workers = lent_.workers, .patience = kPatience}) {}

AdminSource::Readiness Operations::ready() const {
  if (!started()) return {false, "not listening yet"};
  if (lent_.lifecycle.stage() != Stage::kServing) return {false, "draining", true};
  if (const std::string_view reason = WhyNotReady(lent_.backends(), lent_.in_force()->options); !reason.empty()) {
    return {false, reason};
  }
  if (InForce(ReliefStep::kRefuse, lent_.memory.level())) return {false, "memory is short"};
  return {true, ""};
}

StatsSnapshot Operations::Stats() const {
  const std::shared_ptr<const Generation> now = lent_.in_force();
  StatsSnapshot snapshot;
  snapshot.totals = lent_.metrics.Sum();
  snapshot.generation = now->number;
  snapshot.generation_age = SteadyClock().Now() - now->made_at;
  snapshot.config_sha256 = now->digest;
  snapshot.version = lent_.metrics.version();
  snapshot.commit = BuildCommit();
  snapshot.uptime = SteadyClock().Now() - started_;
  snapshot.workers = lent_.metrics.workers();
  snapshot.pool_min_size = WarmLinks(lent_.backends(), now->options.pool);
  snapshot.pool_max_size = now->options.pool.max_size;
  snapshot.pool_busiest = LeasedOfBusiest(lent_.metrics.endpoints());
  snapshot.ready = ready().ready;
  snapshot.memory_thresholds = memwatch::PressureThresholds::From(now->options.memory);
  snapshot.memory = lent_.memory.history().Latest().value_or(memwatch::MemorySample{});
  snapshot.memory_summary = lent_.memory.history().Summary();
  return snapshot;
}

ConfigurationInForce Operations::Configuration() const {
  const std::shared_ptr<const Generation> now = lent_.in_force();
  return {.generation = now->number,
          .digest = now->digest,
          .age = SteadyClock().Now() - now->made_at,
          .options = {now, &now->options},
          .sources = {now, &now->sources},
          .labels = MakeRouteLabels(now->options.routes)};
}

void Operations::LookAtPools(std::function<void(const PoolsAnswer&)> answered) {
  lent_.main.Post([this, answered = std::move(answered)] {
    AskForSum<pool::PoolLooks>(
        lent_.asks, {.workers = AllOf(lent_.workers), .patience = kPatience},
        [this](size_t worker) { return lent_.workers[worker]->LookAtPools(); },
        [this, answered](const pool::PoolLooks& looks, const std::vector<size_t>& late) {
          const std::shared_ptr<const Generation> now = lent_.in_force();
          answered(
              {PoolRows(lent_.metrics.endpoints().All(), now->options, lent_.backends(), looks, lent_.workers.size()),
               late});
        });
  });
}

void Operations::Reload(std::function<void(const ReloadAnswer&)> answered) {
  lent_.main.Post(
      [this, answered = std::move(answered)] { lent_.reloader.Ask({.by = "POST /reload", .answer = answered}); });
}

bool Operations::SetDraining(std::string_view backend, std::string_view endpoint, bool draining) {
  bool found = false;
  for (const pool::Backend& one : lent_.backends()) {
    if (one.name != backend) continue;
    for (const pool::EndpointRef& place : one.endpoints) {
      if (place->name() != endpoint) continue;
      place->SetDraining(draining, SteadyClock().Now());
      found = true;
    }
  }
  if (!found) return false;
  Announce(EventKind::kDrain, LogLevel::kInfo,
           draining ? "an endpoint is drained: it gets nothing new" : "an endpoint is drained no more",
           {{"backend", backend}, {"upstream", endpoint}});
  if (!draining) return true;
  for (const std::unique_ptr<Worker>& worker : lent_.workers) {
    worker->Post([&worker = *worker] { worker.CloseLeaving(); });
  }
  return true;
}

std::vector<size_t> Operations::WorkersOf(const std::vector<Selector>& selectors) const {
  std::vector<bool> asked(lent_.workers.size());
  for (const Selector& selector : selectors) {
    if (selector.by != Selector::By::kSession) return AllOf(lent_.workers);
    const auto id = SessionId::Parse(selector.whom);
    if (id && id->worker() < asked.size()) asked[id->worker()] = true;
  }
  std::vector<size_t> workers = AllOf(lent_.workers);
  std::erase_if(workers, [&asked](size_t worker) { return !asked[worker]; });
  return workers;
}

void Operations::Deliver(std::vector<Push> pushes, std::function<void(const PushAnswer&)> answered) {
  std::vector<Selector> to;
  for (const Push& push : pushes) to.push_back(push.to);
  lent_.main.Post([this, pushes = std::make_shared<const std::vector<Push>>(std::move(pushes)), workers = WorkersOf(to),
                   answered = std::move(answered)] {
    AskForSum<PushTallies>(
        lent_.asks, {.workers = workers, .patience = kPatience},
        [this, pushes](size_t worker) { return PushTallies{lent_.workers[worker]->Deliver(*pushes)}; },
        [pushes, answered](const PushTallies& sum, const std::vector<size_t>& late) {
          PushAnswer answer{.tallies = sum.all, .late = late};
          answer.tallies.resize(pushes->size());
          answered(answer);
        });
  });
}

void Operations::Act(const Selector& of, std::function<ActionTally(Worker& worker)> act,
                     std::function<void(const ActionAnswer&)> done) {
  lent_.main.Post([this, workers = WorkersOf({of}), act = std::move(act), done = std::move(done)] {
    AskForSum<ActionTally>(
        lent_.asks, {.workers = workers, .patience = kPatience},
        [this, act](size_t worker) { return act(*lent_.workers[worker]); },
        [done](const ActionTally& sum, const std::vector<size_t>& late) { done({.tally = sum, .late = late}); });
  });
}

void Operations::Close(CloseAction action, std::function<void(const ActionAnswer&)> answered) {
  const auto done = [action, answered = std::move(answered)](const ActionAnswer& answer) {
    Log(LogLevel::kInfo, "sessions are closed",
        {{"end", Describe(action.reason).label},
         {"of", NameOf(action.of.by)},
         {"whom", action.of.whom},
         {"sessions", answer.tally.sessions},
         {"code", action.words.code},
         {"over_ms", std::chrono::duration_cast<std::chrono::milliseconds>(action.over).count()},
         {"late_workers", answer.late.size()}});
    answered(answer);
  };
  Act(
      action.of, [action](Worker& worker) { return worker.Close(action); }, done);
}

void Operations::Flush(Selector of, std::function<void(const ActionAnswer&)> answered) {
  const auto done = [of, answered = std::move(answered)](const ActionAnswer& answer) {
    Log(LogLevel::kInfo, "sessions are flushed",
        {{"of", NameOf(of.by)},
         {"whom", of.whom},
         {"sessions", answer.tally.sessions},
         {"bytes", answer.tally.bytes},
         {"late_workers", answer.late.size()}});
    answered(answer);
  };
  Act(
      of, [of](Worker& worker) { return worker.Flush(of); }, done);
}

void Operations::BeginDrain(std::function<void(const DrainAnswer&)> answered) {
  lent_.main.Post([this, answered = std::move(answered)] { lent_.drains.Begin(lent_.main.now(), answered); });
}

void Operations::AwaitDrain(std::function<void(const DrainAnswer&)> answered) {
  lent_.main.Post([this, answered = std::move(answered)] { lent_.drains.Await(lent_.main.now(), answered); });
}

void Operations::Undrain(std::function<void(const DrainAnswer&)> answered) {
  lent_.main.Post([this, answered = std::move(answered)] { lent_.drains.Undrain(answered); });
}

void Operations::ListSessions(SessionQuery query, std::function<void(const SessionList&)> answered) {
  lent_.main.Post(
      [this, query = std::move(query), answered = std::move(answered)] { connections_.List(query, answered); });
}

void Operations::FindSession(SessionId id, std::function<void(const SessionFound&)> answered) {
  lent_.main.Post([this, id, answered = std::move(answered)] { connections_.Find(id, answered); });
}

}  // namespace sheaf
