// GET /pools: the connections to each endpoint of each backend, in the manner of PgBouncer's SHOW POOLS.
#pragma once

#include <string>

#include "proxy/admin/asked.h"
#include "proxy/admin/pools.h"

namespace sheaf {

// Answers later: the workers are asked.
void AnswerPools(const Asked& asked, const AdminReply& reply);

// Its fields are in api.md. Pure.
std::string PoolsJson(const PoolsAnswer& pools);

}  // namespace sheaf
