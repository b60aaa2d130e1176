#include "proxy/config/aliases.h"

#include <algorithm>
#include <array>

namespace sheaf {
namespace {

struct RenamedValue {
  std::string_view old;
  std::string_view now;
};

struct RenamedOption {
  std::string_view old_name;
  std::string_view section;
  std::string_view name;
  std::array<RenamedValue, 2> values;  // the others mean what they did
};

constexpr RenamedOption kRenamed[] = {
    {"limits.allow_underscores", "limits", "underscores", {{{"true", "pass"}, {"false", "refuse"}}}},
    {"deflate.context_takeover", "deflate", "context", {{{"true", "own"}, {"false", "none"}}}},
};

std::string VariableOf(std::string_view full_name) {
  std::string variable = "SHEAF_" + std::string(full_name);
  std::transform(variable.begin(), variable.end(), variable.begin(), [](char c) {
    if (c == '.') return '_';
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return variable;
}

}  // namespace

std::optional<RenamedSetting> FindRenamed(std::string_view full_name, std::string_view text) {
  for (const RenamedOption& option : kRenamed) {
    if (option.old_name != full_name) continue;
    RenamedSetting setting{FindOption(option.section, option.name), std::string(text), {}};
    for (const RenamedValue& value : option.values) {
      if (value.old == text) setting.text = value.now;
    }
    setting.warning = std::string(full_name) + " is now " + setting.row->FullName() + ": write " +
                      std::string(option.name) + " = " + QuoteToml(setting.text);
    return setting;
  }
  return std::nullopt;
}

std::string_view OldNameOfVariable(std::string_view variable) {
  for (const RenamedOption& option : kRenamed) {
    if (VariableOf(option.old_name) == variable) return option.old_name;
  }
  return {};
}

}  // namespace sheaf
