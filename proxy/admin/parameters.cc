#include "proxy/admin/parameters.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>
#include <vector>

#include "proxy/admin/fields.h"
#include "proxy/base/units.h"
#include "proxy/wire/query.h"

namespace sheaf {
namespace {

std::string Names(std::span<const ParameterRow> rows) {
  std::string names;
  for (const ParameterRow& one : rows) names.append(names.empty() ? "" : ", ").append(one.name);
  return names;
}

std::string WrongWord(std::string_view words, std::string_view value) {
  bool found = false;
  std::string all;
  ForEachWord(words, [&](std::string_view word) {
    found = found || word == value;
    all.append(all.empty() ? "one of " : ", ").append(word);
  });
  return found ? "" : all;
}

std::string WrongCount(const ParameterRow& row, std::string_view value) {
  const std::optional<uint64_t> count = ParseNumber(value);
  if (count && *count >= row.least && *count <= row.most) return {};
  const std::string from = "a whole number from " + std::to_string(row.least);
  return row.most == UINT64_MAX ? from + " on" : from + " to " + std::to_string(row.most);
}

std::string WrongNumber(std::string_view value) {
  double number = 0;
  const auto [end, error] =
      std::from_chars(value.data(), value.data() + value.size(), number, std::chars_format::fixed);
  const bool right = error == std::errc() && end == value.data() + value.size() && std::isfinite(number) && number >= 0;
  return right ? "" : "a number such as 1767225600 or 0.5";
}

// What would be right; empty: the value is.
std::string WrongValue(const ParameterRow& row, std::string_view value) {
  switch (row.type) {
    case ParameterType::kText:
      return {};
    case ParameterType::kWord:
      return WrongWord(row.words, value);
    case ParameterType::kCount:
      return WrongCount(row, value);
    case ParameterType::kNumber:
      return WrongNumber(value);
    case ParameterType::kDuration:
      return ParseDuration(value) ? "" : "a time such as 10m";
  }
  return {};
}

std::string WhyWrong(std::span<const ParameterRow> rows, std::string_view name, std::string_view value) {
  const auto row = std::find_if(rows.begin(), rows.end(), [name](const ParameterRow& one) { return one.name == name; });
  if (row == rows.end()) {
    return std::string("the query has \"").append(name).append("\"; what it may have: ").append(Names(rows));
  }
  std::string right = value.empty() ? "has no value" : WrongValue(*row, value);
  if (right.empty()) return {};
  return std::string(name).append(": ").append(right);
}

}  // namespace

std::optional<AdminAnswer> RefuseQuery(std::span<const ParameterRow> rows, std::string_view target) {
  if (rows.empty()) return std::nullopt;
  std::string error;
  std::vector<std::string> seen;
  wire::ForEachParameter(target, [&](std::string_view encoded, std::string_view value) {
    if (!error.empty()) return;
    const std::string name = wire::DecodeParameter(encoded);
    error = WhyWrong(rows, name, wire::DecodeParameter(value));
    if (error.empty() && std::find(seen.begin(), seen.end(), name) != seen.end()) error = name + ": may be given once";
    seen.push_back(name);
  });
  if (error.empty()) return std::nullopt;
  return RefusalAnswer(400, error);
}

}  // namespace sheaf
