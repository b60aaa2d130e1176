// A message for sessions that another than their backend sends: what POST /api/messages asks for, and what came of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "proxy/base/metric_table.h"
#include "proxy/base/selector.h"

namespace sheaf {

struct Push {
  Selector to = {};
  bool event = false;   // a Socket.IO event: for sessions that speak that, and no others
  bool binary = false;  // else text, which is UTF-8
  std::string payload = {};
  Urgency urgency = Urgency::kIndividual;
};

// What came of one push. Sessions that are on their way out are not among the meant ones.
struct PushTally {
  uint64_t meant = 0;    // sessions that the selector names
  uint64_t reached = 0;  // of these, that took it
  uint64_t full = 0;     // that did not, since too much waits for the client
  uint64_t unfit = 0;    // that did not, since it is an event and they do not speak Socket.IO

  PushTally& operator+=(const PushTally& other) {
    meant += other.meant;
    reached += other.reached;
    full += other.full;
    unfit += other.unfit;
    return *this;
  }
};

// Of several pushes, in their order.
struct PushTallies {
  std::vector<PushTally> all;

  PushTallies& operator+=(const PushTallies& other) {
    if (all.size() < other.all.size()) all.resize(other.all.size());
    for (size_t i = 0; i < other.all.size(); ++i) all[i] += other.all[i];
    return *this;
  }
};

struct PushAnswer {
  std::vector<PushTally> tallies;  // of each push, in their order
  std::vector<size_t> late;        // workers that have not answered in time; they deliver it when they can
};

}  // namespace sheaf
