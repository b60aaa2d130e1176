// The addresses of the backend's name: looked up at once, then at an interval, and soon after connections have failed.
//
//   Resolver resolver(loop, "backend:8000", options.upstream.resolve_interval, &net::Address::ResolveAll, events);
//   endpoint.WatchDials(resolver.Bell());     // any thread: an address does not answer
//
// A look-up blocks for as long as name servers please, so each runs in a thread of its own, which posts its answer. One
// look-up at a time. Nobody waits for one: destroying the resolver leaves it to itself, and its answer goes nowhere. So
// it may use nothing that does not outlive it.
//
// What was found stays when the name cannot be found any more, or leads nowhere. In which order name servers tell the
// addresses is no change.
//
// Owned by Backends; its loop's thread only, but for the Bell. The loop outlives it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/status.h"
#include "proxy/net/address.h"
#include "proxy/net/loop.h"

namespace sheaf {

class ResolverEvents {
 public:
  // The name's first addresses, or others in place of the last; IPv4 in front, in the order of their numbers.
  virtual void OnAddresses(const std::vector<net::Address>& addresses) = 0;
  // A look-up failed, and there are no addresses yet.
  virtual void OnNoAddress() = 0;

 protected:
  ~ResolverEvents() = default;
};

class Resolver final : public net::DeadlineHandler {
 public:
  using Answer = Result<std::vector<net::Address>>;
  // Called in threads of its own; may block. An answer without an address counts as a failure.
  using Lookup = std::function<Answer(const std::string& name)>;

  struct Times {
    Duration interval;                            // from an answer to the next look-up; 0: no other than soon ones
    Duration soon = std::chrono::seconds(1);      // the same after failures, where that is less
    Duration patience = std::chrono::seconds(5);  // the log tells of a look-up that takes longer
  };

  // `name`: "host:port". Begins at once.
  Resolver(net::Loop& loop, std::string name, const Times& times, Lookup lookup, ResolverEvents& events);
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;
  ~Resolver();

  // Connections to an address of the name fail: it may have changed. What is returned tells so, in any thread, and may
  // outlive the resolver.
  std::function<void()> Bell() const;
  const std::vector<net::Address>& addresses() const { return addresses_; }
  // From an answer to the next look-up, from now on.
  void SetInterval(Duration interval);

  void OnDeadline(net::Deadline& deadline) override;

 private:
  // What the thread of a look-up holds, and so may outlive the resolver.
  struct Desk;

  void Begin();
  static void Run(const std::shared_ptr<Desk>& desk);
  void OnAnswer(const Answer& answer);
  void Take(const std::vector<net::Address>& found);
  void Fail(const std::string& error);
  void SetNext();

  net::Loop& loop_;
  const std::string name_;
  Times times_;
  ResolverEvents& events_;
  const std::shared_ptr<Desk> desk_;
  net::Deadline deadline_;  // of the next look-up; while one runs, of patience with it
  bool looking_ = false;
  bool wanted_ = false;  // a Bell was rung since the last look-up began
  TimePoint answered_at_{};
  bool failing_ = false;  // the log says so
  std::vector<net::Address> addresses_;
};

}  // namespace sheaf
