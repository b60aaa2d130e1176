// What contradicts itself in [upstream], in a [[backend]], and between them and where Sheaf listens. Start-up code.
#pragma once

#include <vector>

#include "proxy/config/checks.h"

namespace sheaf {

// Reads the files of root certificates.
std::vector<Contradiction> FindBackendContradictions(const Configuration& configuration);

}  // namespace sheaf
