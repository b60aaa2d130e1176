// What GET /pools is answered from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "pool/pool_look.h"
#include "proxy/base/endpoint_counters.h"
#include "proxy/base/option_types.h"

namespace sheaf {

// The pools to one endpoint, those of all workers together.
struct PoolRow {
  std::shared_ptr<const EndpointCounters> counters;
  UpstreamMode mode = UpstreamMode::kTunnel;  // of its backend
  uint32_t min_size = 0;                      // connections that are kept; 0 where nothing new goes there
  uint32_t max_size = 0;
  pool::PoolLook look;  // of the workers that have answered
};

struct PoolsAnswer {
  std::vector<PoolRow> rows;
  std::vector<size_t> late;  // workers that have not answered in time
};

}  // namespace sheaf
