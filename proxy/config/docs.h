// What Sheaf says of its own configuration. All of it comes from the option table. Start-up code.
#pragma once

#include <string>

#include "proxy/config/config.h"

namespace sheaf {

// conf/sheaf.conf: every option with its meaning, bounds and default, as a file that can be loaded.
std::string DefaultConfig();

// conf/OPTIONS.md: the same as a manual.
std::string OptionsManual();

// The configuration in effect as TOML, each value with where it came from; secrets redacted.
std::string DumpConfiguration(const Configuration& configuration);

}  // namespace sheaf
