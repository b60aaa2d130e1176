// One rule of a route's `critical` or `conflate` list, as the conf file has it. What matches is described in
// batching/examiner.h; proxy/config/rules.h reads and checks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace sheaf {

// A JSON scalar that a rule compares with. Texts are equal when they are after their escapes are resolved; a whole
// number equals every JSON number of the same value, however it is written and exactly (3, 3.0 and 3e0, but
// not 3.0000000001 and not "3"); true and false equal themselves.
using RuleValue = std::variant<std::string, int64_t, bool>;

// A rule may be written with the members that it needs: {.event = "alert", .overtake = true}.
struct RuleOptions {
  std::string event = {};                   // Socket.IO event name; empty: any message
  std::string prefix = {};                  // of the message's text; empty: any
  std::optional<std::string> pointer = {};  // RFC 6901; with it, the value there must be one of `values`
  std::vector<RuleValue> values = {};       // `equals = X` or `one_of = [X, Y]`
  std::string key = {};                     // conflate: the pointer to the key
  bool overtake = false;                    // critical: ahead of what is gathered

  bool operator==(const RuleOptions&) const = default;
};

}  // namespace sheaf
