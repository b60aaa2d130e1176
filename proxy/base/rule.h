// One rule of a route's `critical` or `conflate` list, as the conf file has it. What matches is described in
// batching/examiner.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace sheaf {

// A JSON scalar that a rule compares with.
using RuleValue = std::variant<std::string, int64_t, bool>;

struct RuleOptions {
  std::string event;                   // Socket.IO event name; empty: any message
  std::string prefix;                  // of the message's text; empty: any
  std::optional<std::string> pointer;  // RFC 6901; with it, the value there must be one of `values`
  std::vector<RuleValue> values;       // `equals = X` or `one_of = [X, Y]`
  std::string key;                     // conflate: the pointer to the key
  bool overtake = false;               // critical: ahead of what is queued
};

}  // namespace sheaf
