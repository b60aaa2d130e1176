// What works, but may surprise, among the listeners of a configuration that is right. Start-up code.
#pragma once

#include <string>
#include <vector>

#include "proxy/config/config.h"

namespace sheaf {

// A line each, with its place.
std::vector<std::string> WarningsOfListeners(const Configuration& configuration);

}  // namespace sheaf
