// GET /backends as JSON; its fields are in api.md. Pure.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "proxy/base/endpoint_counters.h"

namespace sheaf {

// `endpoints`: by backend and name, as EndpointTable::All has them.
std::string BackendsJson(std::span<const std::shared_ptr<const EndpointCounters>> endpoints);

}  // namespace sheaf
