#include "proxy/plan/routes.h"

#include <algorithm>

#include "proxy/wire/http1.h"

namespace sheaf {
namespace {

bool IsRoot(const RouteOptions& route) {
  return route.path == "/";
}

bool HasPrefix(std::string_view path, std::string_view prefix) {
  if (!path.starts_with(prefix)) return false;
  return path.size() == prefix.size() || path[prefix.size()] == '/' || path[prefix.size()] == '?';
}

}  // namespace

Routes::Routes(const Options& options) : longest_first_(options.routes) {
  if (std::none_of(longest_first_.begin(), longest_first_.end(), IsRoot)) {
    longest_first_.push_back(InheritRoute(options, "/"));
  }
  std::stable_sort(longest_first_.begin(), longest_first_.end(),
                   [](const RouteOptions& a, const RouteOptions& b) { return a.path.size() > b.path.size(); });
}

size_t Routes::IndexOf(std::string_view normalized_path) const {
  // Routes are few: comparing with each costs less than any index would.
  const auto found = std::find_if(longest_first_.begin(), longest_first_.end(),
                                  [&](const RouteOptions& route) { return HasPrefix(normalized_path, route.path); });
  return found != longest_first_.end() ? static_cast<size_t>(found - longest_first_.begin())
                                       : longest_first_.size() - 1;
}

std::optional<std::string> NormalizeRoutePath(std::string_view path) {
  const auto unfit = [](char c) { return c == '?' || c == '#' || c <= ' ' || c >= 0x7F; };
  if (!path.starts_with('/') || std::any_of(path.begin(), path.end(), unfit)) return std::nullopt;
  std::optional<std::string> normal = wire::NormalizeTarget(path);
  if (normal && normal->size() > 1 && normal->ends_with('/')) normal->pop_back();
  return normal;
}

}  // namespace sheaf
