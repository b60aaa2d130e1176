// Delivers pushed messages to the sessions of one worker. A message is made once for all of them, so that they share
// its bytes, and its frames where these are alike.
//
// Owned by the worker; worker thread only. What it is lent outlives it.
#pragma once

#include <vector>

#include "proxy/base/metrics.h"
#include "proxy/base/push.h"
#include "proxy/members.h"
#include "proxy/net/loop.h"
#include "proxy/outbox/stores.h"
#include "proxy/session/directory.h"

namespace sheaf {

class Pusher {
 public:
  struct Lent {
    net::Loop& loop;
    WorkerMetrics& metrics;
    OutboxStores& outboxes;
    Members& members;
    Directory& directory;
  };
  explicit Pusher(const Lent& lent) : lent_(lent) {}

  // In their order. Of each, what came of it here. Sessions may close.
  std::vector<PushTally> Deliver(const std::vector<Push>& pushes);

 private:
  // What was written for clients, amid a turn, before it is tried whether they take it.
  static constexpr size_t kMostGathered = 256 * 1024;

  PushTally Deliver(const Push& push);
  void DeliverTo(Session& session, const batching::MessageRef& message, const Push& push, PushTally& tally);

  const Lent lent_;
  std::vector<Session*> targets_;  // of the push under way: sessions may leave the lists that they were found in
  size_t gathered_ = 0;
};

}  // namespace sheaf
