#include "proxy/config_names.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "proxy/base/option_table.h"
#include "proxy/config_rules.h"

namespace sheaf {
namespace {

// Optimal string alignment distance, by rows of the usual table.
size_t CountSlips(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> slips(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) {
    for (size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        slips[i][j] = i + j;
        continue;
      }
      const size_t changed = slips[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      slips[i][j] = std::min({slips[i - 1][j] + 1, slips[i][j - 1] + 1, changed});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) slips[i][j] = std::min(slips[i][j], slips[i - 2][j - 2] + 1);
    }
  }
  return slips[a.size()][b.size()];
}

// An empty string when all of them are too far away to be meant: `least` slips are forgiven in a short word.
std::string NearestName(std::string_view word, std::span<const std::string> candidates, size_t least = 2) {
  // Longer than any name could be meant: not worth a table of that size.
  if (word.size() > 64) return {};
  std::string nearest;
  size_t fewest = std::max<size_t>(least, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const size_t slips = CountSlips(word, candidate);
    if (slips >= fewest) continue;
    fewest = slips;
    nearest = candidate;
  }
  return nearest;
}

std::vector<std::string> KeysOf(std::string_view section) {
  std::vector<std::string> keys;
  for (const OptionRow& row : OptionRows()) {
    if (row.section == section) keys.emplace_back(row.name);
  }
  return keys;
}

std::vector<std::string> RouteKeys() {
  std::vector<std::string> keys = {"path"};
  for (const RouteRow& row : RouteRows()) keys.emplace_back(row.name);
  for (const RuleList list : {RuleList::kCritical, RuleList::kConflate}) keys.emplace_back(NameOf(list));
  return keys;
}

std::vector<std::string> NamesOf(std::string (OptionRow::*name)() const) {
  std::vector<std::string> names;
  for (const OptionRow& row : OptionRows()) names.push_back((row.*name)());
  return names;
}

std::string DidYouMean(const std::string& nearest) {
  return nearest.empty() ? "; --print-default-config shows all there are" : "; did you mean " + nearest + "?";
}

std::string Quoted(const std::string& name) {
  return name.empty() ? name : QuoteToml(name);
}

std::vector<std::string> SectionNames() {
  std::vector<std::string> names = {std::string(kRouteSection)};
  for (const SectionRow& row : SectionRows()) names.emplace_back(row.name);
  return names;
}

}  // namespace

bool IsSection(std::string_view name) {
  const auto rows = SectionRows();
  return std::any_of(rows.begin(), rows.end(), [name](const SectionRow& row) { return row.name == name; });
}

bool NamesSection(std::string_view variable) {
  if (!variable.starts_with(kEnvironmentPrefix)) return false;
  const std::string_view rest = variable.substr(kEnvironmentPrefix.size());
  const std::vector<std::string> sections = SectionNames();
  return std::any_of(sections.begin(), sections.end(), [rest](std::string section) {
    for (char& c : section) c = static_cast<char>(c - 'a' + 'A');
    return rest.starts_with(section) && (rest.size() == section.size() || rest[section.size()] == '_');
  });
}

bool ResemblesOption(std::string_view variable) {
  std::vector<std::string> names = NamesOf(&OptionRow::EnvironmentName);
  for (std::string& name : names) name.erase(0, kEnvironmentPrefix.size());
  return !NearestName(variable.substr(kEnvironmentPrefix.size()), names, 1).empty();
}

std::string SuggestSection(std::string_view name) {
  const std::string nearest = NearestName(name, SectionNames());
  if (nearest.empty()) return DidYouMean(nearest);
  return DidYouMean(nearest == kRouteSection ? "[[route]]" : "[" + nearest + "]");
}

std::string SuggestKey(std::string_view section, std::string_view key) {
  // A right name in the wrong place comes before a name that only looks like it.
  for (const OptionRow& row : OptionRows()) {
    if (row.name == key && row.section != section) return DidYouMean(Quoted(row.FullName()));
  }
  return DidYouMean(Quoted(NearestName(key, KeysOf(section))));
}

std::string SuggestRouteKey(std::string_view key) {
  return DidYouMean(Quoted(NearestName(key, RouteKeys())));
}

std::string SuggestRuleKey(std::string_view key, std::span<const std::string_view> keys) {
  return DidYouMean(Quoted(NearestName(key, std::vector<std::string>(keys.begin(), keys.end()))));
}

std::string SuggestSetting(std::string_view full_name) {
  return DidYouMean(NearestName(full_name, NamesOf(&OptionRow::FullName)));
}

std::string SuggestVariable(std::string_view variable) {
  return DidYouMean(NearestName(variable, NamesOf(&OptionRow::EnvironmentName)));
}

}  // namespace sheaf
