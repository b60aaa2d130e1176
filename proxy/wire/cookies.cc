#include "proxy/wire/cookies.h"

#include <algorithm>

#include "proxy/wire/http1_syntax.h"

namespace sheaf::wire {
namespace {

std::string_view ValueIn(std::string_view cookies, std::string_view name) {
  while (!cookies.empty()) {
    const std::string_view pair = cookies.substr(0, cookies.find(';'));
    cookies.remove_prefix(std::min(pair.size() + 1, cookies.size()));
    const size_t equals = pair.find('=');
    if (equals == std::string_view::npos || Trim(pair.substr(0, equals)) != name) continue;
    if (const std::string_view value = Trim(pair.substr(equals + 1)); !value.empty()) return value;
  }
  return {};
}

}  // namespace

std::optional<std::string_view> FindCookie(const RequestHead& request, std::string_view name) {
  for (const Field& field : request.fields) {
    if (!EqualsIgnoreCase(field.name, "Cookie")) continue;
    if (const std::string_view value = ValueIn(field.value, name); !value.empty()) return value;
  }
  return std::nullopt;
}

}  // namespace sheaf::wire
