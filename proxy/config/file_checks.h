// Whether a file that an option names can be read. Start-up code.
#pragma once

#include <optional>
#include <string>

#include "proxy/config/checks.h"

namespace sheaf {

// `name`: of the option, as the message has it; `row`: what it is of, or inherits. nullopt: it can be read.
std::optional<Contradiction> FindUnreadable(const std::string& path, const std::string& name, const OptionRow* row);

}  // namespace sheaf
