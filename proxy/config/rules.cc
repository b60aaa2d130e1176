#include "proxy/config/rules.h"

#include <charconv>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

#include "batching/packet.h"
#include "proxy/base/option_table.h"
#include "proxy/config/names.h"
#include "proxy/config/patterns.h"
#include "proxy/config/rule_checks.h"

namespace sheaf {
namespace {

using Type = FileValue::Type;

constexpr std::string_view kCriticalKeys[] = {"event", "prefix", "pointer", "equals", "one_of", "overtake"};
constexpr std::string_view kConflateKeys[] = {"event", "prefix", "pointer", "equals", "one_of", "key"};

std::string Show(const FileValue& value) {
  return value.type == Type::kText ? QuoteToml(value.text) : value.text;
}

std::optional<RuleValue> ToRuleValue(const FileValue& value) {
  if (value.type == Type::kText) return value.text;
  if (value.type == Type::kSwitch) return value.text == "true";
  if (value.type != Type::kNumber) return std::nullopt;
  int64_t number = 0;
  std::from_chars(value.text.data(), value.text.data() + value.text.size(), number);
  return number;
}

// One rule of a list.
class RuleReader {
 public:
  RuleReader(RuleList list, const FileValue& table, std::vector<FileProblem>& problems)
      : list_(list), table_(table), problems_(problems) {}

  // nullopt, and reported, when it cannot be used.
  std::optional<RuleOptions> Read() {
    const size_t problems_before = problems_.size();
    if (table_.type != Type::kTable) {
      Report(table_.position, Name("") + " must hold rules such as { event = \"alert\" }, not " + Show(table_));
      return std::nullopt;
    }
    for (const FileKey& key : table_.keys) ReadKey(key);
    // What is missing because it was misspelt has been told.
    if (problems_.size() == problems_before) CheckWhole();
    if (problems_.size() != problems_before) return std::nullopt;
    return std::move(rule_);
  }

 private:
  void Report(Position position, std::string text) { problems_.push_back({position, std::move(text)}); }

  bool critical() const { return list_ == RuleList::kCritical; }

  // "critical.event", "critical".
  std::string Name(std::string_view key) const {
    return std::string(NameOf(list_)).append(key.empty() ? "" : ".").append(key);
  }

  void ReadKey(const FileKey& key) {
    if (key.name == "event") {
      ReadEvent(key);
    } else if (key.name == "prefix") {
      ReadText(key, rule_.prefix);
    } else if (key.name == "pointer") {
      rule_.pointer = ReadPointer(key);
    } else if (key.name == "equals") {
      ReadValue(key, key.value);
    } else if (key.name == "one_of") {
      ReadValues(key);
    } else if (key.name == "key" && !critical()) {
      rule_.key = ReadPointer(key);
    } else if (key.name == "overtake" && critical()) {
      if (key.value.type != Type::kSwitch) return MustBe(key, key.value, "true or false, without quotes");
      rule_.overtake = key.value.text == "true";
    } else {
      ReportUnknown(key);
    }
  }

  void MustBe(const FileKey& key, const FileValue& value, std::string_view what) {
    Report(value.position, Name(key.name) + " must be " + std::string(what) + ", not " + Show(value));
  }

  void ReportUnknown(const FileKey& key) {
    if (key.name == "key") return Report(key.position, "key is for rules of conflate: a critical rule has none");
    if (key.name == "overtake")
      return Report(key.position, "overtake is for critical rules: a conflation rule has none");
    const std::string suggestion =
        critical() ? SuggestRuleKey(key.name, kCriticalKeys) : SuggestRuleKey(key.name, kConflateKeys);
    Report(key.position, "unknown key " + QuoteToml(key.name) + " in a rule of " + Name("") + suggestion);
  }

  void ReadText(const FileKey& key, std::string& text) {
    if (key.value.type != Type::kText) return MustBe(key, key.value, "a text in quotes");
    if (key.value.text.empty()) {
      return Report(key.value.position, Name(key.name) + " must not be empty: leave it out where it does not matter");
    }
    text = key.value.text;
  }

  void ReadEvent(const FileKey& key) {
    ReadText(key, rule_.event);
    const std::optional<std::string> beginning = BeginningMeantBy(rule_.event);
    if (!beginning) return;
    const bool all = beginning->empty();
    Report(key.value.position,
           Name(key.name) + " " + QuoteToml(rule_.event) +
               " is a pattern, and names are compared as they are: for every event " +
               (all ? "" : "that begins with " + QuoteToml(*beginning) + " ") +
               "write, instead of event, prefix = " + QuoteToml(all ? "42[" : "42[\"" + *beginning));
  }

  std::string ReadPointer(const FileKey& key) {
    const FileValue& value = key.value;
    if (value.type == Type::kText && batching::ParsePointer(value.text)) return value.text;
    std::string what = R"(a JSON Pointer (RFC 6901): "" for the whole, or names each after a "/", with ~ written ~0)";
    MustBe(key, value, what + R"( and a "/" within a name ~1)");
    if (value.type == Type::kText && batching::ParsePointer("/" + value.text)) {
      problems_.back().text += "; did you mean " + QuoteToml("/" + value.text) + "?";
    }
    return {};
  }

  void ReadValue(const FileKey& key, const FileValue& value) {
    const std::optional<RuleValue> read = ToRuleValue(value);
    if (!read) return MustBe(key, value, "a text, a whole number, true or false");
    rule_.values.push_back(*read);
  }

  void ReadValues(const FileKey& key) {
    if (key.value.type != Type::kList) return MustBe(key, key.value, R"(a list such as ["high", 3, true])");
    if (key.value.items.empty()) {
      Report(key.value.position, Name(key.name) + " is empty, and nothing is one of nothing: name at least one value");
    }
    for (const FileValue& item : key.value.items) ReadValue(key, item);
  }

  const FileKey* Find(std::string_view name) const {
    for (const FileKey& key : table_.keys) {
      if (key.name == name) return &key;
    }
    return nullptr;
  }

  void CheckWhole() {
    CheckComparison();
    if (critical() && rule_.event.empty() && rule_.prefix.empty() && !rule_.pointer) {
      Report(table_.position, "a critical rule must have event, prefix or pointer: without, every message is critical");
    }
    if (!critical() && Find("key") == nullptr) {
      Report(table_.position,
             R"(a conflation rule must have a key, such as key = "/symbol": messages with the same value there )"
             "replace one another");
    }
    const std::string problem = CheckPrefix(list_, rule_);
    if (!problem.empty()) Report(Find("prefix")->value.position, problem);
  }

  void CheckComparison() {
    const FileKey* pointer = Find("pointer");
    const FileKey* equals = Find("equals");
    const FileKey* one_of = Find("one_of");
    if (equals != nullptr && one_of != nullptr) {
      return Report(one_of->position, "a rule has equals or one_of, not both: name all values in one_of");
    }
    const FileKey* comparison = equals != nullptr ? equals : one_of;
    if (pointer != nullptr && comparison == nullptr) {
      Report(pointer->position, "pointer needs something to compare with: add equals = VALUE or one_of = [VALUES]");
    } else if (pointer == nullptr && comparison != nullptr) {
      Report(comparison->position,
             comparison->name + R"( needs the place of the value that it compares: add pointer, such as "/type")");
    }
  }

  const RuleList list_;
  const FileValue& table_;
  std::vector<FileProblem>& problems_;
  RuleOptions rule_;
};

// Reports the rule if an earlier one leaves nothing to it.
void CheckReach(RuleList list, const std::vector<RuleOptions>& earlier, const std::vector<Position>& places,
                const RuleOptions& rule, Position place, std::vector<FileProblem>& problems) {
  for (size_t i = 0; i < earlier.size(); ++i) {
    if (!Covers(list, earlier[i], rule)) continue;
    return problems.push_back({place,
                               "this rule is never reached, since all that it matches is matched by the one on "
                               "line " +
                                   std::to_string(places[i].line) + ", column " + std::to_string(places[i].column) +
                                   ": remove it, or write it before that"});
  }
}

}  // namespace

std::vector<RuleOptions> ReadRules(RuleList list, const FileValue& value, std::vector<FileProblem>& problems) {
  const std::string name(NameOf(list));
  std::vector<RuleOptions> rules;
  if (value.type != Type::kList) {
    problems.push_back({value.position, name + " must be a list of rules such as [{ event = \"alert\" }], not " +
                                            (value.type == Type::kTable ? "one" : Show(value))});
    return rules;
  }
  if (value.items.size() > kMostRules) {
    problems.push_back({value.position, name + " must have at most " + std::to_string(kMostRules) + " rules, not " +
                                            std::to_string(value.items.size())});
    return rules;
  }
  std::vector<Position> places;
  for (const FileValue& item : value.items) {
    std::optional<RuleOptions> rule = RuleReader(list, item, problems).Read();
    if (!rule) continue;
    CheckReach(list, rules, places, *rule, item.position, problems);
    rules.push_back(std::move(*rule));
    places.push_back(item.position);
  }
  return rules;
}

std::string FormatRule(RuleList list, const RuleOptions& rule) {
  struct Format {
    std::string operator()(const std::string& text) const { return QuoteToml(text); }
    std::string operator()(int64_t number) const { return std::to_string(number); }
    std::string operator()(bool truth) const { return truth ? "true" : "false"; }
  };
  std::string text;
  const auto add = [&text](std::string_view key, const std::string& value) {
    text.append(text.empty() ? "{ " : ", ").append(key).append(" = ").append(value);
  };
  if (!rule.event.empty()) add("event", QuoteToml(rule.event));
  if (!rule.prefix.empty()) add("prefix", QuoteToml(rule.prefix));
  if (rule.pointer) add("pointer", QuoteToml(*rule.pointer));
  std::string values;
  for (const RuleValue& value : rule.values) {
    values.append(values.empty() ? "" : ", ").append(std::visit(Format{}, value));
  }
  if (rule.values.size() == 1) add("equals", values);
  if (rule.values.size() > 1) add("one_of", "[" + values + "]");
  if (list == RuleList::kConflate) add("key", QuoteToml(rule.key));
  if (rule.overtake) add("overtake", "true");
  return text + " }";
}

}  // namespace sheaf
