// Whether a rule can have an effect at all. Pure; start-up code.
#pragma once

#include <string>

#include "proxy/base/rule.h"
#include "proxy/config/rules.h"

namespace sheaf {

// What is wrong with the rule's prefix, as a sentence with the remedy; an empty string when nothing is.
std::string CheckPrefix(RuleList list, const RuleOptions& rule);

// Whether `earlier`, which stands before `later` in the list, matches all that `later` matches. By form alone: rules
// that are equal in effect but not in form are not found.
bool Covers(RuleList list, const RuleOptions& earlier, const RuleOptions& later);

}  // namespace sheaf
