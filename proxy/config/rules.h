// The rules of a [[route]], its lists `critical` and `conflate`: read from the conf file, checked, and written again.
// Start-up code.
//
//   critical = [{ event = "alert" }, { pointer = "/level", one_of = ["high", 3, true], overtake = true }]
//   conflate = [{ event = "price_update", key = "/symbol" }]
//
// A rule that could never match, or never be reached, is an error: its author believes that it works.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/rule.h"
#include "proxy/config/file.h"

namespace sheaf {

enum class RuleList : uint8_t { kCritical, kConflate };

// "critical", "conflate".
constexpr std::string_view NameOf(RuleList list) {
  return list == RuleList::kCritical ? "critical" : "conflate";
}

// In each list. A message is compared with one rule after another, so more would be a mistake.
inline constexpr size_t kMostRules = 1000;

// What is wrong is appended to `problems`, each with its place; what is returned is then of no use.
std::vector<RuleOptions> ReadRules(RuleList list, const FileValue& value, std::vector<FileProblem>& problems);

// As the conf file writes it: { event = "alert", overtake = true }.
std::string FormatRule(RuleList list, const RuleOptions& rule);

}  // namespace sheaf
