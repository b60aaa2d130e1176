// The fields of the admin listener's JSON documents, a row each. The tables of api.md and the schemas of /openapi.json
// are written from them, and tests/integration/test_openapi.py holds every answer to its schema. Constants.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace sheaf {

enum class FieldType : uint8_t {
  kText,
  kWord,    // one of FieldRow::words
  kCount,   // a whole number, never negative
  kNumber,  // with a fraction
  kFlag,
  kAny,
  kDocument,  // FieldRow::document
};

struct DocumentRow;

// `path`, from the top of the document, says also what the field is in: "pools[].state" is in each object of a list,
// "closed.<reason>" is a member with a name that is not known beforehand, and "error?" is not always there. One "?" a
// field or group is enough: "errors?.<reason>" says that `errors` may be missing. A row without a path is a line of
// text between two tables.
struct FieldRow {
  std::string_view path;
  FieldType type;
  std::string_view unit;        // empty: none
  std::string_view meaning;     // Markdown
  std::string_view words = {};  // "up|down"
  const DocumentRow* document = nullptr;
};

struct DocumentRow {
  std::string_view name;  // of the schema
  std::span<const FieldRow> fields;
  // Of the keys of each, exactly one is there: "text|binary|event".
  std::span<const std::string_view> one_of = {};
};

// A line of text between two tables.
constexpr FieldRow Between(std::string_view text) {
  return {.path = {}, .type = FieldType::kText, .unit = {}, .meaning = text};
}

// The fields of both, for documents that have some in common.
template <size_t kFirst, size_t kSecond>
constexpr std::array<FieldRow, kFirst + kSecond> Joined(const std::array<FieldRow, kFirst>& first,
                                                        const std::array<FieldRow, kSecond>& second) {
  std::array<FieldRow, kFirst + kSecond> joined{};
  std::copy(second.begin(), second.end(), std::copy(first.begin(), first.end(), joined.begin()));
  return joined;
}

// Calls `visit(word)` for each of "a|b|c".
template <typename Visitor>
void ForEachWord(std::string_view words, Visitor visit) {
  while (!words.empty()) {
    const size_t end = words.find('|');
    visit(words.substr(0, end));
    words.remove_prefix(end == std::string_view::npos ? words.size() : end + 1);
  }
}

}  // namespace sheaf
