// The parameters of a query, a row each: what they may be is checked by the row, so that a handler is asked with values
// that are right. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "proxy/admin/answer.h"

namespace sheaf {

enum class ParameterType : uint8_t {
  kText,
  kWord,      // one of ParameterRow::words
  kCount,     // a whole number from `least` to `most`
  kNumber,    // of seconds, say; with a fraction or without
  kDuration,  // "10m"
};

struct ParameterRow {
  std::string_view name;
  std::string_view doc;
  ParameterType type = ParameterType::kText;
  std::string_view fallback = {};  // what holds without it; empty: nothing
  std::string_view words = {};     // "asc|desc"
  uint64_t least = 0;
  uint64_t most = UINT64_MAX;
};

// Why the query is refused: a parameter that no row has, that is there twice, or whose value is wrong. nullopt: it is
// right, or there are no rows, and then no query matters.
std::optional<AdminAnswer> RefuseQuery(std::span<const ParameterRow> rows, std::string_view target);

}  // namespace sheaf
