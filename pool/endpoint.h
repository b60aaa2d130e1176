// One process of a backend at one address, as the whole of Sheaf knows it: where and how it is reached, whether it is
// up, how much it has to do, and how many connections the workers may have to it together.
//
// Kept by whoever refers to it, in any thread: Backends, each worker's EndpointPool, and the Engine.IO sessions that
// live there (pool/affinity.h). Any thread, but for what is set before the workers know it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pool/outage.h"
#include "pool/pool_budget.h"
#include "pool/reach.h"
#include "proxy/base/clock.h"
#include "proxy/base/endpoint_counters.h"
#include "proxy/net/address.h"

namespace sheaf::pool {

class Endpoint {
 public:
  // `addresses`: one, or one of each family, the first choice in front; empty: not known yet.
  Endpoint(std::shared_ptr<const Reach> reach, std::shared_ptr<EndpointCounters> counters,
           std::vector<net::Address> addresses);
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  const std::string& backend() const { return counters_->backend; }
  const std::string& name() const { return counters_->endpoint; }
  const Reach& reach() const { return *reach_; }
  const UpstreamUrl& url() const { return reach_->url; }
  EndpointCounters& counters() const { return *counters_; }
  PoolBudget& budget() { return budget_; }

  // Where it is. The first one stays for life; what else its name leads to may change.
  std::vector<net::Address> addresses() const;
  void SetAddresses(std::vector<net::Address> addresses);

  // Up: the last attempt to reach it succeeded. Down: so many failed since; until something succeeds. At first neither.
  bool up() const { return up_.load(std::memory_order_relaxed); }
  bool down() const { return down_.load(std::memory_order_relaxed); }
  // An attempt succeeded, or failed for `cause` (an errno's text, what a health check saw), as `max_fails` in a row
  // make it be down. What the log is told of it is the outage's affair.
  void SetUp(TimePoint now);
  void Fail(TimePoint now, std::string_view cause, uint32_t max_fails);
  // Before anybody has tried: one that takes the place of another that was up is not down until it is found to be.
  void PresumeUp() { ShowUp(true); }
  // A request was refused since it cannot be reached.
  void CountRefused() { outage_.CountRefused(); }
  // Others of its backend serve already, so that it comes up as one that has come back does.
  void SetLate() { late_.store(true, std::memory_order_relaxed); }
  // How often it has come up: what one worker has found out ends the back-off of the others.
  uint32_t returns() const { return returns_.load(std::memory_order_relaxed); }
  // The endpoint has come back, or late, within `slow_start`.
  bool IsNew(TimePoint now, Duration slow_start) const {
    return now.time_since_epoch() < Duration(returned_at_.load(std::memory_order_relaxed)) + slow_start;
  }

  // What it has to do: Engine.IO sessions, WebSockets and requests.
  void AddSession() { counters_->sessions.fetch_add(1, std::memory_order_relaxed); }
  void EndSession() { counters_->sessions.fetch_sub(1, std::memory_order_relaxed); }
  uint32_t sessions() const { return counters_->sessions.load(std::memory_order_relaxed); }

  // Gets no new sessions, and keeps those that it has: an operator's wish, or the configuration does not name it any
  // more.
  bool leaving() const { return draining() || removed_.load(std::memory_order_relaxed); }
  bool draining() const { return counters_->draining.load(std::memory_order_relaxed); }
  // One that is drained no more has come back.
  void SetDraining(bool draining, TimePoint now);
  void SetRemoved(bool removed) {
    removed_.store(removed, std::memory_order_relaxed);
    counters_->removed.store(removed, std::memory_order_relaxed);
  }
  // For who looks at it: name servers say that it is not there. Its sessions know better.
  void SetUnlisted(bool unlisted) { counters_->unlisted.store(unlisted, std::memory_order_relaxed); }

  // Has `told` called whenever a connection to its address could not be made, in the thread that tried: it must not
  // block, and what it uses outlives the endpoint. Set before the workers know it.
  void WatchDials(std::function<void()> told) { dial_failed_ = std::move(told); }
  void DialFailed() const {
    if (dial_failed_) dial_failed_();
  }

 private:
  // Two that are reached in different ways may have one name, and so one set of counters: those are to be looked at.
  void ShowUp(bool up) {
    up_.store(up, std::memory_order_relaxed);
    counters_->up.store(up, std::memory_order_relaxed);
  }

  const std::shared_ptr<const Reach> reach_;
  const std::shared_ptr<EndpointCounters> counters_;
  PoolBudget budget_;
  std::function<void()> dial_failed_;
  std::atomic<bool> up_{false};
  std::atomic<bool> down_{false};
  std::atomic<bool> removed_{false};
  std::atomic<bool> late_{false};
  std::atomic<uint32_t> fails_{0};  // in a row
  std::atomic<uint32_t> returns_{0};
  std::atomic<Duration::rep> returned_at_;
  Outage outage_;
  mutable std::mutex mutex_;
  std::vector<net::Address> addresses_;  // under the mutex
};

using EndpointRef = std::shared_ptr<Endpoint>;

}  // namespace sheaf::pool
