// What contradicts itself among the places where clients connect, and beside the rest. Start-up code.
#pragma once

#include <vector>

#include "proxy/config/checks.h"

namespace sheaf {

// Reads the certificate files.
std::vector<Contradiction> FindListenerContradictions(const Configuration& configuration);

}  // namespace sheaf
