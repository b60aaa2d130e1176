// Old names of options that were renamed: taken for one release, with a warning that tells the new one. Start-up code.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "proxy/base/option_table.h"

namespace sheaf {

// What a setting under an old name means now.
struct RenamedSetting {
  const OptionRow* row;
  std::string text;     // the value, as SetFromText takes it
  std::string warning;  // "limits.allow_underscores is now limits.underscores: write underscores = "pass""
};

// `full_name`: "limits.allow_underscores"; `text`: its value. nullopt: no option ever had this name. A value that the
// old option would not have taken comes back as it is, for the new one to refuse.
std::optional<RenamedSetting> FindRenamed(std::string_view full_name, std::string_view text);

// The old name behind a variable such as "SHEAF_LIMITS_ALLOW_UNDERSCORES". Empty: no option ever had it.
std::string_view OldNameOfVariable(std::string_view variable);

}  // namespace sheaf
