// What the pools of all workers to each endpoint come to, for GET /pools. Pure.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "pool/backend.h"
#include "pool/pool_look.h"
#include "proxy/admin/pools.h"
#include "proxy/base/endpoint_counters.h"
#include "proxy/base/option_table.h"

namespace sheaf {

// A row for each of `endpoints`, in their order. `backends`: those in force. `looks`: of the workers that have
// answered.
std::vector<PoolRow> PoolRows(std::span<const std::shared_ptr<const EndpointCounters>> endpoints,
                              const Options& options, const std::vector<pool::Backend>& backends,
                              const pool::PoolLooks& looks, size_t workers);

}  // namespace sheaf
