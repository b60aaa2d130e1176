#include "proxy/config/values.h"

#include <algorithm>
#include <string>
#include <variant>
#include <vector>

#include "proxy/base/redaction.h"
#include "proxy/config/checks.h"

namespace sheaf {
namespace {

bool StoreList(const OptionRow& row, std::vector<std::string>& list, const FileValue& value,
               std::vector<FileProblem>& problems) {
  bool fits = true;
  list.clear();
  for (const FileValue& item : ItemsOf(value)) {
    const std::string problem = CheckForm(row.FullName(), item.text);
    fits = fits && problem.empty();
    if (!problem.empty()) {
      problems.push_back(
          {item.position, row.FullName() + " " + problem + ", not " + QuoteToml(WithoutUser(item.text))});
    }
    list.push_back(item.text);
  }
  return fits;
}

}  // namespace

std::string CheckType(const OptionRow& row, const FileValue& value) {
  using Type = FileValue::Type;
  const auto is_text = [](const FileValue& item) { return item.type == Type::kText; };
  const auto must_be = [&](std::string_view what) {
    // Even a mistyped secret is one.
    const std::string instead =
        row.secret ? "" : ", not " + (value.type == Type::kText ? QuoteToml(value.text) : value.text);
    return "must be " + std::string(what) + instead;
  };
  switch (row.unit) {
    case OptionUnit::kText:
    case OptionUnit::kWord:
      return value.type == Type::kText ? "" : must_be("a text in quotes");
    case OptionUnit::kSwitch:
      return value.type == Type::kSwitch ? "" : must_be("true or false, without quotes");
    case OptionUnit::kList:
      if (value.type == Type::kList && std::all_of(value.items.begin(), value.items.end(), is_text)) return {};
      return must_be(R"(a list of texts such as ["a", "b"])") + (value.type == Type::kList ? " of other things" : "");
    case OptionUnit::kOneOrList:
      if (value.type == Type::kText) return {};
      if (value.type == Type::kList && std::all_of(value.items.begin(), value.items.end(), is_text)) return {};
      return must_be("a text in quotes, or a list of them") + (value.type == Type::kList ? " of other things" : "");
    case OptionUnit::kCount:
    case OptionUnit::kPerSecond:
      return value.type == Type::kNumber ? "" : must_be("a number, without quotes");
    case OptionUnit::kAutoCount:
      return value.type == Type::kNumber || value.type == Type::kText ? "" : must_be("a number or \"auto\"");
    case OptionUnit::kBytes:
    case OptionUnit::kBytesPerSecond:
      return value.type == Type::kNumber || value.type == Type::kText
                 ? ""
                 : must_be("a number of bytes, or such as \"64KiB\"");
    case OptionUnit::kTime:
      return value.type == Type::kText ? "" : must_be("a number and a unit in quotes, such as \"50ms\" or \"5s\"");
  }
  return {};
}

std::string StoreText(const OptionRow& row, const OptionSlot& slot, std::string_view text) {
  if (std::string problem = SetFromText(row, slot, text); !problem.empty()) return problem;
  const auto check = [&row](std::string_view part) {
    const std::string problem = CheckForm(row.FullName(), part);
    return problem.empty() ? problem : problem + ", not " + QuoteToml(WithoutUser(part));
  };
  const auto* list = std::get_if<std::vector<std::string>*>(&slot);
  if (list == nullptr) return check(text);
  for (const std::string& item : **list) {
    if (std::string problem = check(item); !problem.empty()) return problem;
  }
  return {};
}

bool StoreFileValue(const OptionRow& row, const OptionSlot& slot, const FileValue& value,
                    std::vector<FileProblem>& problems) {
  std::string problem = CheckType(row, value);
  auto* const* list = std::get_if<std::vector<std::string>*>(&slot);
  if (problem.empty() && list != nullptr) return StoreList(row, **list, value, problems);
  if (problem.empty()) problem = StoreText(row, slot, value.text);
  if (!problem.empty()) problems.push_back({value.position, row.FullName() + " " + problem});
  return problem.empty();
}

std::vector<FileValue> ItemsOf(const FileValue& value) {
  return value.type == FileValue::Type::kList ? value.items : std::vector{value};
}

}  // namespace sheaf
