// Backends that work, but perhaps not as their author believes. Start-up code.
#pragma once

#include <string>
#include <vector>

#include "proxy/config/config.h"

namespace sheaf {

// A line each, with its place.
std::vector<std::string> WarningsOfBackends(const Configuration& configuration);

}  // namespace sheaf
