#include "proxy/config/rule_checks.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "proxy/base/option_table.h"

namespace sheaf {
namespace {

constexpr std::string_view kBlank = " \t\n\r";
constexpr std::string_view kEvent = "42";

std::string_view SkipBlank(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
  return text;
}

// Whether a JSON object or array can begin with `prefix`; looks at no more than what may follow the first bracket.
bool CanBeginJson(std::string_view prefix) {
  prefix = SkipBlank(prefix);
  if (prefix.empty()) return true;
  const std::string_view inside = SkipBlank(prefix.substr(1));
  if (prefix.front() == '{') return inside.empty() || inside.front() == '"' || inside.front() == '}';
  constexpr std::string_view kAfterBracket = "{[]\"-0123456789tfn";
  return prefix.front() == '[' && (inside.empty() || kAfterBracket.find(inside.front()) != std::string_view::npos);
}

// What `prefix` has from the bracket of a Socket.IO event on ("" if it ends before); nullopt when no event without
// acknowledgement begins with it.
std::optional<std::string_view> EventPart(std::string_view prefix) {
  if (kEvent.starts_with(prefix)) return "";
  if (!prefix.starts_with(kEvent)) return std::nullopt;
  prefix.remove_prefix(kEvent.size());
  if (prefix.starts_with('/')) prefix.remove_prefix(std::min(prefix.find(','), prefix.size() - 1) + 1);
  if (prefix.empty() || prefix.front() == '[') return prefix;
  return std::nullopt;
}

// Whether the name that `part` shows of an event can be `event`. Names with escapes are not looked into.
bool MayHaveName(std::string_view part, std::string_view event) {
  if (part.empty()) return true;
  part = SkipBlank(part.substr(1));
  if (part.empty()) return true;
  if (part.front() != '"') return false;
  part.remove_prefix(1);
  const size_t end = part.find_first_of("\"\\");
  if (end == std::string_view::npos) return event.starts_with(part);
  return part[end] == '\\' || part.substr(0, end) == event;
}

}  // namespace

std::string CheckPrefix(RuleList list, const RuleOptions& rule) {
  if (rule.prefix.empty()) return {};
  const std::optional<std::string_view> part = EventPart(rule.prefix);
  if (!rule.event.empty() && !(part && MayHaveName(*part, rule.event))) {
    return "no Socket.IO event " + QuoteToml(rule.event) + " without acknowledgement begins with " +
           QuoteToml(rule.prefix) + ", but with 42[" + QuoteToml(rule.event) +
           " or, in a namespace, 42/name,[: remove event or prefix";
  }
  if (list == RuleList::kConflate && !part && !CanBeginJson(rule.prefix)) {
    return "no message that begins with " + QuoteToml(rule.prefix) +
           " can be conflated, but JSON objects and arrays, and Socket.IO events without acknowledgement (42[...): "
           "correct the prefix";
  }
  return {};
}

bool Covers(RuleList list, const RuleOptions& earlier, const RuleOptions& later) {
  if (!earlier.event.empty() && earlier.event != later.event) return false;
  if (!later.prefix.starts_with(earlier.prefix)) return false;
  // Where the earlier rule finds no key, a later one with another key has its turn.
  if (list == RuleList::kConflate && earlier.key != later.key) return false;
  if (!earlier.pointer) return true;
  return earlier.pointer == later.pointer &&
         std::all_of(later.values.begin(), later.values.end(), [&earlier](const RuleValue& value) {
           return std::find(earlier.values.begin(), earlier.values.end(), value) != earlier.values.end();
         });
}

}  // namespace sheaf
