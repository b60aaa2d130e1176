#include "proxy/plan/routes.h"

#include <algorithm>

#include "proxy/wire/http1.h"

namespace sheaf {
namespace {

bool IsRoot(const RouteOptions& route) {
  return route.path == "/";
}

}  // namespace

bool IsAtOrUnder(std::string_view target, std::string_view path) {
  if (path == "/") return true;
  if (!target.starts_with(path)) return false;
  return target.size() == path.size() || target[path.size()] == '/' || target[path.size()] == '?';
}

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
                                  [&](const RouteOptions& route) { return IsAtOrUnder(normalized_path, route.path); });
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
