// The requests that wait for a link, in the order in which they came, and those that found no place among them.
//
// Owned by an EndpointPool; one thread only. How many may wait is for the budget of all workers to say.
#pragma once

#include <cstddef>

#include "pool/pool_budget.h"
#include "pool/pooled_stream.h"
#include "proxy/base/list.h"
#include "proxy/base/metrics.h"

namespace sheaf::pool {

class WaitingLine {
 public:
  // `gauge`: of all that wait in the worker. Both outlive it.
  WaitingLine(PoolBudget& budget, Gauge& gauge) : budget_(budget), gauge_(gauge) {}

  // To the end. One that finds no place is refused: TellRefused tells it, since whoever sends is not called back at
  // once.
  void Enter(PooledStream& stream);
  // To the front. False: there is no place.
  [[nodiscard]] bool EnterFirst(PooledStream& stream);
  // A member, or one that was refused and not yet told.
  void Leave(PooledStream& stream);
  // The first one, which leaves. Not when the line is empty.
  PooledStream& TakeFirst();
  // Tells all that are refused; a request that is told may send another one in answer.
  void TellRefused();

  PooledStream& first() { return line_.front(); }
  // Of its members, so far. Looks at all of them: one that comes back may have waited elsewhere.
  Duration LongestWait(TimePoint now);
  size_t size() const { return line_.size(); }
  bool empty() const { return line_.empty(); }
  // Nor is anybody left to be told.
  bool deserted() const { return line_.empty() && refused_.empty(); }

 private:
  using StreamList = List<PooledStream, &PooledStream::waiting_hook_>;

  PoolBudget& budget_;
  Gauge& gauge_;
  StreamList line_;
  StreamList refused_;
};

}  // namespace sheaf::pool
