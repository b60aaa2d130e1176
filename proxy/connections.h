// Looks at the sessions of all workers: a list of those that a query names, merged from what each worker shows, and one
// session alone.
//
// Part of Operations. The main thread's, where answers come, too; workers are asked in their own. What it is lent
// outlives it.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/session_view.h"
#include "proxy/control/ask.h"
#include "proxy/net/loop.h"
#include "proxy/sent_samples.h"

namespace sheaf {

class Worker;

class Connections {
 public:
  struct Lent {
    net::Loop& main;
    Asks& asks;
    const std::vector<std::unique_ptr<Worker>>& workers;
    Duration patience;  // with a worker
  };
  explicit Connections(const Lent& lent);
  Connections(const Connections&) = delete;
  Connections& operator=(const Connections&) = delete;

  // By rate: a second later.
  void List(SessionQuery query, std::function<void(const SessionList&)> answered);
  void Find(SessionId id, const std::function<void(const SessionFound&)>& answered);

 private:
  struct Merge;

  // `samples`: empty: no rates.
  void Ask(const std::shared_ptr<Merge>& merge, const SentSamples::Samples& samples);

  const Lent lent_;
  SentSamples samples_;
};

}  // namespace sheaf
