// What a variable of the environment is that begins with SHEAF_ and is no option. Kubernetes sets such variables in a
// pod for every Service of its namespace named "sheaf", "sheaf-admin" and the like (service links), and scripts have
// their own; neither may keep Sheaf from starting. A misspelt option must. Start-up code.
#pragma once

#include <cstdint>
#include <string_view>

namespace sheaf {

enum class Variable : uint8_t {
  kServiceLink,  // Kubernetes' (or Docker's)
  kMistake,      // meant for Sheaf: it names a section, or nearly an option
  kForeign,
};

// `name`: with its prefix.
Variable JudgeVariable(std::string_view name, std::string_view value);

}  // namespace sheaf
