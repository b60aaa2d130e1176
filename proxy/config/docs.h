// What Sheaf says of its options. All of it comes from the option table. Start-up code.
#pragma once

#include <string>

namespace sheaf {

// conf/sheaf.conf: every option with its meaning, bounds and default, as a file that can be loaded.
std::string DefaultConfig();

// conf/OPTIONS.md: the same as a manual.
std::string OptionsManual();

}  // namespace sheaf
