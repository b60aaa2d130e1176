// The configuration in effect, for --dump-config. Start-up code.
#pragma once

#include <string>

#include "proxy/config/config.h"

namespace sheaf {

// As TOML that loads again, each value with where it came from; secrets redacted.
std::string DumpConfiguration(const Configuration& configuration);

}  // namespace sheaf
