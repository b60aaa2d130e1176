// Names of sections, keys, variables, and the "did you mean ...?" of an error about an unknown one. Start-up code.
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <string_view>

#include "proxy/base/option_table.h"

namespace sheaf {

inline constexpr std::string_view kEnvironmentPrefix = "SHEAF_";
// The sections that may be there many times, in double brackets.
inline constexpr std::string_view kRouteSection = "route";
inline constexpr std::string_view kListenerSection = "listener";
inline constexpr std::string_view kBackendSection = "backend";
inline constexpr std::array kListSections = {kRouteSection, kListenerSection, kBackendSection};
constexpr bool IsListSection(std::string_view name) {
  return std::find(kListSections.begin(), kListSections.end(), name) != kListSections.end();
}

// The option that a key is, or that a route's or backend's key inherits. nullptr: it is none of them.
const OptionRow* FindInherited(std::string_view section, std::string_view key);

// A section of the option table; the routes, listeners and backends are none.
bool IsSection(std::string_view name);

// Whether the variable can only be meant for Sheaf: the prefix, then a section's name (or ROUTE, LISTENER or BACKEND).
bool NamesSection(std::string_view variable);
// Whether an option's variable differs from it by no more than a slip or two. `variable` begins with the prefix.
bool ResemblesOption(std::string_view variable);

// The Suggest functions answer with the second half of a sentence: "; did you mean "min_size"?", or where to look when
// nothing is like it. `section` is empty for keys at the top of the file.
std::string SuggestSection(std::string_view name);
std::string SuggestKey(std::string_view section, std::string_view key);
std::string SuggestRouteKey(std::string_view key);
std::string SuggestListenerKey(std::string_view key);
std::string SuggestBackendKey(std::string_view key);
// `names`: of all backends.
std::string SuggestBackendName(std::string_view name, std::span<const std::string> names);
// `keys`: all that a rule may have.
std::string SuggestRuleKey(std::string_view key, std::span<const std::string_view> keys);
std::string SuggestSetting(std::string_view full_name);
std::string SuggestVariable(std::string_view variable);

}  // namespace sheaf
