#include "proxy/config/names.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "proxy/base/ascii.h"
#include "proxy/config/rules.h"
#include "proxy/config/suggestions.h"

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
  std::vector<std::string> keys = {"path", std::string(kBackendSection)};
  for (const RouteRow& row : RouteRows()) keys.emplace_back(row.name);
  for (const RuleList list : {RuleList::kCritical, RuleList::kConflate}) keys.emplace_back(NameOf(list));
  return keys;
}

std::vector<std::string> ListenerKeys() {
  std::vector<std::string> keys = {"address"};
  for (const ListenerRow& row : ListenerRows()) keys.emplace_back(row.name);
  return keys;
}

std::vector<std::string> BackendKeys() {
  std::vector<std::string> keys = {"name", "url", "urls"};
  for (const BackendRow& row : BackendRows()) keys.emplace_back(row.name);
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
  std::vector<std::string> names(kListSections.begin(), kListSections.end());
  for (const SectionRow& row : SectionRows()) names.emplace_back(row.name);
  return names;
}

bool IsUrl(const OptionRow& row) {
  return row.section == "upstream" && (row.name == "url" || row.name == "urls");
}

// Whether a key of a route would say where its requests go. `foreign`: what it is elsewhere.
bool LeadsToBackend(std::string_view key, const ForeignName* foreign) {
  if (foreign == nullptr) return key == "upstream" || key == "url" || key == "urls";
  return IsUrl(*FindOption(foreign->section, foreign->option));
}

// The option that says where something is, in a section that has one: people call it address, url, host or port.
const OptionRow* PlaceOf(std::string_view section) {
  if (section == "upstream" || section == kBackendSection) return FindOption("upstream", "url");
  return section == "listen" || section == "admin" ? FindOption(section, "address") : nullptr;
}

bool IsPlace(const OptionRow& row) {
  return PlaceOf(row.section) == &row;
}

// The option that a key of another program would be, or one of ours in the wrong place; nullptr when there is none.
const OptionRow* OptionMeant(std::string_view section, std::string_view name) {
  const OptionRow* meant = nullptr;
  for (const OptionRow& row : OptionRows()) {
    const bool elsewhere = EqualsIgnoreCase(row.name, name) && row.section != section;
    if (meant == nullptr && (elsewhere || row.EnvironmentName() == name)) meant = &row;
  }
  if (const ForeignName* foreign = FindForeignName(name); meant == nullptr && foreign != nullptr) {
    meant = FindOption(foreign->section, foreign->option);
  }
  return meant != nullptr && IsPlace(*meant) && PlaceOf(section) != nullptr ? PlaceOf(section) : meant;
}

// A number of milliseconds, say, is written otherwise here. `quoted`: as the file has it.
std::string UnitHint(std::string_view name, const OptionRow& row, bool quoted) {
  static constexpr std::string_view kUnits[] = {"_ms", "_seconds", "_mb"};
  const bool has_unit = std::any_of(std::begin(kUnits), std::end(kUnits),
                                    [name](std::string_view unit) { return EndsWithIgnoreCase(name, unit); });
  if (!has_unit) return {};
  const std::string example = row.unit == OptionUnit::kTime ? "50ms" : "64MiB";
  return quoted ? ", in quotes and with its unit (" + QuoteToml(example) + ")" : ", with its unit (" + example + ")";
}

// In the file. `written`: how the option is written where `name` stands.
std::string MeantInFile(const OptionRow& meant, std::string_view name, const std::string& written) {
  return DidYouMean(written + UnitHint(name, meant, true));
}

// `variable` without the prefix and the section that it begins with.
std::string_view WithoutSection(std::string_view variable) {
  variable.remove_prefix(kEnvironmentPrefix.size());
  for (const SectionRow& row : SectionRows()) {
    const size_t size = row.name.size();
    if (variable.size() > size && variable[size] == '_' && EqualsIgnoreCase(variable.substr(0, size), row.name)) {
      return variable.substr(size + 1);
    }
  }
  return variable;
}

std::string_view SectionOf(std::string_view variable) {
  const std::string_view rest = WithoutSection(variable);
  for (const SectionRow& row : SectionRows()) {
    if (kEnvironmentPrefix.size() + row.name.size() + 1 + rest.size() != variable.size()) continue;
    if (EqualsIgnoreCase(variable.substr(kEnvironmentPrefix.size(), row.name.size()), row.name)) return row.name;
  }
  return {};
}

// For the environment and the command line, which name an option as a whole, by `name_of`. `whole`: what was written;
// `section`, `name`: its two parts, as far as they can be told.
std::string SuggestWhole(std::string_view whole, std::string_view section, std::string_view name,
                         std::string_view written, std::string (OptionRow::*name_of)() const) {
  const bool is_foreign = FindForeignName(whole) != nullptr;
  const OptionRow* meant = OptionMeant(section, is_foreign ? whole : name);
  const std::string nearest = NearestName(written, NamesOf(name_of));
  // Where even the section is none of ours, a name that looks like it is the better guess.
  if (meant == nullptr || (!is_foreign && !IsSection(section) && !nearest.empty())) return DidYouMean(nearest);
  return DidYouMean((meant->*name_of)() + UnitHint(whole, *meant, false));
}

// Of a key of a section that may be there many times.
template <typename Row>
const OptionRow* InheritedBy(std::span<const Row> rows, std::string_view key) {
  const auto row = std::find_if(rows.begin(), rows.end(), [key](const Row& r) { return r.name == key; });
  return row == rows.end() ? nullptr : row->inherits;
}

}  // namespace

const OptionRow* FindInherited(std::string_view section, std::string_view key) {
  if (section == kRouteSection) return InheritedBy(RouteRows(), key);
  if (section == kBackendSection) return InheritedBy(BackendRows(), key);
  return FindOption(section, key);
}

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
  const std::string_view name = variable.substr(kEnvironmentPrefix.size());
  const ForeignName* foreign = FindForeignName(name);
  if (foreign != nullptr && foreign->origin == NameOrigin::kPredecessor) return true;
  std::vector<std::string> names = NamesOf(&OptionRow::EnvironmentName);
  for (std::string& option : names) option.erase(0, kEnvironmentPrefix.size());
  return !NearestName(name, names, 1).empty();
}

std::string SuggestSection(std::string_view name) {
  std::string nearest;
  for (const ForeignSection& foreign : ForeignSections()) {
    if (foreign.name == name) nearest = foreign.section;
  }
  if (nearest.empty()) nearest = NearestName(name, SectionNames());
  if (nearest.empty()) return DidYouMean(nearest);
  return DidYouMean(IsListSection(nearest) ? "[[" + nearest + "]]" : "[" + nearest + "]");
}

std::string SuggestKey(std::string_view section, std::string_view key) {
  // A name that means something comes before one that only looks like it.
  if (const OptionRow* meant = OptionMeant(section, key)) {
    const bool here = meant->section == section;
    return MeantInFile(*meant, key, QuoteToml(here ? std::string(meant->name) : meant->FullName()));
  }
  return DidYouMean(Quoted(NearestName(key, KeysOf(section))));
}

std::string SuggestRouteKey(std::string_view key) {
  const ForeignName* foreign = FindForeignName(key);
  if (LeadsToBackend(key, foreign)) return DidYouMean("\"backend\", with the name of a [[backend]]");
  if (foreign == nullptr) return DidYouMean(Quoted(NearestName(key, RouteKeys())));
  const OptionRow* meant = FindOption(foreign->section, foreign->option);
  for (const RouteRow& row : RouteRows()) {
    if (row.inherits == meant) return MeantInFile(*meant, key, QuoteToml(row.name));
  }
  for (const BackendRow& row : BackendRows()) {
    if (row.inherits != meant) continue;
    return MeantInFile(*meant, key, QuoteToml(meant->FullName()) + ", or " + QuoteToml(row.name) + " of a [[backend]]");
  }
  return MeantInFile(*meant, key, QuoteToml(meant->FullName()) + ", which holds for all routes");
}

std::string SuggestListenerKey(std::string_view key) {
  const OptionRow* meant = OptionMeant(kListenerSection, key);
  if (meant == nullptr) return DidYouMean(Quoted(NearestName(key, ListenerKeys())));
  if (meant->section != "listen") return MeantInFile(*meant, key, QuoteToml(meant->FullName()));
  const std::vector<std::string> own = ListenerKeys();
  const bool here = std::find(own.begin(), own.end(), meant->name) != own.end();
  return MeantInFile(*meant, key,
                     here ? QuoteToml(meant->name) : QuoteToml(meant->FullName()) + ", which holds for all listeners");
}

std::string SuggestBackendKey(std::string_view key) {
  const OptionRow* meant = OptionMeant(kBackendSection, key);
  if (meant == nullptr) return DidYouMean(Quoted(NearestName(key, BackendKeys())));
  if (IsUrl(*meant)) return MeantInFile(*meant, key, "\"urls\"");
  for (const BackendRow& row : BackendRows()) {
    if (row.inherits == meant) return MeantInFile(*meant, key, QuoteToml(row.name));
  }
  const bool of_all = meant->section == "pool";
  return MeantInFile(*meant, key, QuoteToml(meant->FullName()) + (of_all ? ", which holds for all backends" : ""));
}

std::string SuggestBackendName(std::string_view name, std::span<const std::string> names) {
  if (const std::string nearest = NearestName(name, names); !nearest.empty()) return DidYouMean(QuoteToml(nearest));
  std::string all;
  for (const std::string& one : names) all += (all.empty() ? "" : ", ") + QuoteToml(one);
  return "; all there are: " + all;
}

std::string SuggestRuleKey(std::string_view key, std::span<const std::string_view> keys) {
  return DidYouMean(Quoted(NearestName(key, std::vector<std::string>(keys.begin(), keys.end()))));
}

std::string SuggestSetting(std::string_view full_name) {
  const size_t dot = full_name.rfind('.');
  const std::string_view section = dot == std::string_view::npos ? "" : full_name.substr(0, dot);
  return SuggestWhole(full_name, section, full_name.substr(dot + 1), full_name, &OptionRow::FullName);
}

std::string SuggestVariable(std::string_view variable) {
  return SuggestWhole(variable.substr(kEnvironmentPrefix.size()), SectionOf(variable), WithoutSection(variable),
                      variable, &OptionRow::EnvironmentName);
}

}  // namespace sheaf
