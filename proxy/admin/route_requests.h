// GET /routes: what is in force for each route, and what was counted there.
#pragma once

#include <string>
#include <vector>

#include "proxy/admin/asked.h"
#include "proxy/admin/configuration.h"
#include "proxy/base/route_counters.h"

namespace sheaf {

void AnswerRoutes(const Asked& asked, const AdminReply& reply);

// Its fields are in api.md. `counted`: of all routes that there ever were, in any order. Pure.
std::string RoutesJson(const ConfigurationInForce& configuration, const std::vector<RouteTotals>& counted);

}  // namespace sheaf
