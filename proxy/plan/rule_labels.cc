#include "proxy/plan/rule_labels.h"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <variant>

namespace sheaf {
namespace {

constexpr size_t kLongest = 100;

std::string ToText(const RuleValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* number = std::get_if<int64_t>(&value)) return std::to_string(*number);
  return std::get<bool>(value) ? "true" : "false";
}

// Labels must be UTF-8, so no character is cut in half.
std::string Shorten(std::string text) {
  if (text.size() <= kLongest) return text;
  size_t end = kLongest;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

std::vector<std::string> Describe(const std::vector<RuleOptions>& rules) {
  std::vector<std::string> labels;
  for (const RuleOptions& rule : rules) {
    const std::string label = DescribeRule(rule);
    std::string unique = label;
    for (size_t number = 2; std::find(labels.begin(), labels.end(), unique) != labels.end(); ++number) {
      unique = label + " (" + std::to_string(number) + ")";
    }
    labels.push_back(unique);
  }
  return labels;
}

}  // namespace

std::string DescribeRule(const RuleOptions& rule) {
  std::string text;
  const auto add = [&text](std::string_view part) { text.append(text.empty() ? "" : " ").append(part); };
  if (!rule.event.empty()) add(rule.event);
  if (!rule.prefix.empty()) add(rule.prefix + "*");
  std::string values;
  for (const RuleValue& value : rule.values) values.append(values.empty() ? "" : "|").append(ToText(value));
  if (rule.pointer) add(*rule.pointer + "=" + values);
  if (!rule.key.empty()) add(rule.key);
  // Conflation by the whole of every message.
  if (text.empty()) text = "all";
  return Shorten(text);
}

std::vector<RouteLabels> MakeRouteLabels(const std::vector<RouteOptions>& routes) {
  std::vector<RouteLabels> labels;
  labels.reserve(routes.size());
  for (const RouteOptions& route : routes) {
    labels.push_back(
        {.route = route.path, .critical = Describe(route.critical), .conflated = Describe(route.conflate)});
  }
  return labels;
}

}  // namespace sheaf
