// The names of routes and rules in counters: short texts for people, made once at start.
#pragma once

#include <string>
#include <vector>

#include "proxy/base/metrics.h"
#include "proxy/base/option_table.h"

namespace sheaf {

// "price_update /symbol", "/level=high|3|true", "ALERT*". Long ones are cut; two rules can have the same text.
std::string DescribeRule(const RuleOptions& rule);

// For each of `routes`, in their order. Rules of one list that would have the same text are told apart by a number.
std::vector<RouteLabels> MakeRouteLabels(const std::vector<RouteOptions>& routes);

}  // namespace sheaf
