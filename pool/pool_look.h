// What one worker's pool to an endpoint looks like at a moment, of what is not counted for all workers together.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>
#include <vector>

#include "pool/endpoint.h"
#include "proxy/base/clock.h"
#include "proxy/base/metric_table.h"

namespace sheaf::pool {

struct PoolLook {
  EndpointRef endpoint;
  size_t waiting = 0;                                             // requests, for a connection or a mux link
  Duration longest_wait = Duration::zero();                       // of those, so far
  std::array<size_t, MuxLinkStateLabels::kCount> mux_links = {};  // by state
  size_t mux_sessions = 0;
};

// Of several workers: those of one endpoint, as it is known by its counters, are one.
struct PoolLooks {
  std::vector<PoolLook> all;

  PoolLooks& operator+=(const PoolLooks& other) {
    for (const PoolLook& one : other.all) Add(one);
    return *this;
  }

  void Add(const PoolLook& one) {
    const auto known = std::find_if(all.begin(), all.end(), [&one](const PoolLook& other) {
      return &other.endpoint->counters() == &one.endpoint->counters();
    });
    if (known == all.end()) return all.push_back(one);
    known->waiting += one.waiting;
    known->longest_wait = std::max(known->longest_wait, one.longest_wait);
    for (size_t i = 0; i < one.mux_links.size(); ++i) known->mux_links[i] += one.mux_links[i];
    known->mux_sessions += one.mux_sessions;
  }
};

}  // namespace sheaf::pool
