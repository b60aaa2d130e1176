// Completions of the command line for shells. conf/completions/ has these texts. Start-up code.
#pragma once

#include <string>

namespace sheaf {

std::string BashCompletion();
std::string ZshCompletion();

}  // namespace sheaf
