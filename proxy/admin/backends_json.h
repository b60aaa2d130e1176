// GET /backends as JSON; its fields are in api.md. Pure.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "proxy/base/endpoint_counters.h"

namespace sheaf {

// What it is to a balancer, the strongest word that holds.
std::string_view StateOf(const EndpointCounters& endpoint);

// `endpoints`: by backend and name, as EndpointTable::All has them.
std::string BackendsJson(std::span<const std::shared_ptr<const EndpointCounters>> endpoints);

}  // namespace sheaf
