// The parameters of a request target's query, as browsers write them and servers read them
// (application/x-www-form-urlencoded). Pure.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

namespace sheaf::wire {

// "%41" is 'A', and a '%' without two hexadecimal digits itself.
std::string DecodePercent(std::string_view text);

// A name or a value as its writer meant it: the same, and "+" is a space.
std::string DecodeParameter(std::string_view text);

// Whether a name as it stands means `name`.
bool IsParameterNamed(std::string_view encoded, std::string_view name);

// Calls `visit(name, value)` for each parameter, as it stands. One without '=' has an empty value.
template <typename Visitor>
void ForEachParameter(std::string_view target, Visitor visit) {
  const size_t question = target.find('?');
  if (question == std::string_view::npos) return;
  for (std::string_view left = target.substr(question + 1); !left.empty();) {
    const std::string_view parameter = left.substr(0, left.find('&'));
    left.remove_prefix(std::min(parameter.size() + 1, left.size()));
    const size_t equals = std::min(parameter.find('='), parameter.size());
    visit(parameter.substr(0, equals), parameter.substr(std::min(equals + 1, parameter.size())));
  }
}

// The value of the first parameter of that name that has one, decoded.
std::optional<std::string> FindParameter(std::string_view target, std::string_view name);

}  // namespace sheaf::wire
