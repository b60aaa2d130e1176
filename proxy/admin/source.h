// What the admin listener's answers are made from. Implemented by the Server, which outlives Admin; called in the admin
// thread. What takes a look into the workers' threads is told later: `answered` is called once, in any thread, maybe at
// once.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "memwatch/memory_history.h"
#include "proxy/admin/configuration.h"
#include "proxy/admin/pools.h"
#include "proxy/admin/stats.h"
#include "proxy/base/drain_answer.h"
#include "proxy/base/events.h"
#include "proxy/base/metrics.h"
#include "proxy/base/push.h"
#include "proxy/base/reload_answer.h"
#include "proxy/base/session_action.h"
#include "proxy/base/session_view.h"

namespace sheaf {

class AdminSource {
 public:
  struct Readiness {
    bool ready = false;
    std::string_view reason;  // why not, as a sentence for the operator; a constant
    bool draining = false;    // a drain has begun, and was not taken back
  };

  // Whether new clients should be sent here: a backend is up and no drain has begun.
  virtual Readiness ready() const = 0;
  // Whether all of the start-up is done; it never waits for the backend.
  virtual bool started() const = 0;
  virtual StatsSnapshot Stats() const = 0;
  virtual const memwatch::MemoryHistory& memory_history() const = 0;
  virtual const EventRing& events() const = 0;
  virtual ConfigurationInForce Configuration() const = 0;
  // The pools of all workers.
  virtual void LookAtPools(std::function<void(const PoolsAnswer&)> answered) = 0;
  // All workers are in it before Admin starts.
  virtual const MetricsRegistry& metrics() const = 0;
  // Has the configuration read anew.
  virtual void Reload(std::function<void(const ReloadAnswer&)> answered) = 0;
  // An endpoint of a backend gets nothing new, or does again. False: there is none of that name.
  virtual bool SetDraining(std::string_view backend, std::string_view endpoint, bool draining) = 0;
  // Has messages delivered to sessions.
  virtual void Deliver(std::vector<Push> pushes, std::function<void(const PushAnswer&)> answered) = 0;
  // Looks at sessions.
  virtual void ListSessions(SessionQuery query, std::function<void(const SessionList&)> answered) = 0;
  virtual void FindSession(SessionId id, std::function<void(const SessionFound&)> answered) = 0;
  // Has sessions closed, or what is gathered for them sent.
  virtual void Close(CloseAction action, std::function<void(const ActionAnswer&)> answered) = 0;
  virtual void Flush(Selector of, std::function<void(const ActionAnswer&)> answered) = 0;
  // The process drains but does not end. Answered at once, or when it is over.
  virtual void BeginDrain(std::function<void(const DrainAnswer&)> answered) = 0;
  virtual void AwaitDrain(std::function<void(const DrainAnswer&)> answered) = 0;
  virtual void Undrain(std::function<void(const DrainAnswer&)> answered) = 0;

 protected:
  ~AdminSource() = default;
};

}  // namespace sheaf
