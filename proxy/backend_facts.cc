#include "proxy/backend_facts.h"

#include <algorithm>

namespace sheaf {
namespace {

// Without health checks and warm connections nobody reaches for an endpoint before a client comes, and none would come.
bool IsWatched(const pool::Backend& backend, const Options::Pool& options) {
  const bool warm = pool::WarmLinks(options, backend.endpoints.front()->url()) > 0;
  return options.health_check_interval.count() > 0 || (warm && options.health_check_path.empty());
}

std::string_view WhyNotReady(const pool::Backend& backend, const Options::Pool& options) {
  const auto none = [&all = backend.endpoints](auto holds) { return std::none_of(all.begin(), all.end(), holds); };
  if (none([](const pool::EndpointRef& one) { return !one->addresses().empty(); })) {
    return "the backend's name has no address yet";
  }
  const bool down = none([](const pool::EndpointRef& one) { return one->up(); });
  return down && IsWatched(backend, options) ? "the backend is not up" : "";
}

}  // namespace

uint32_t WarmLinks(const std::vector<pool::Backend>& backends, const Options::Pool& options) {
  uint32_t all = 0;
  for (const pool::Backend& backend : backends) {
    for (const pool::EndpointRef& one : backend.endpoints) all += pool::WarmLinks(options, one->url());
  }
  return all;
}

pool::EndpointRef FindDialledForFree(const std::vector<pool::Backend>& backends) {
  for (const pool::Backend& backend : backends) {
    for (const pool::EndpointRef& one : backend.endpoints) {
      if (one->url().dials_for_free()) return one;
    }
  }
  return nullptr;
}

std::string_view WhyNotReady(const std::vector<pool::Backend>& backends, const Options& options) {
  for (const pool::Backend& backend : backends) {
    const auto leads_here = [&backend](const RouteOptions& route) { return route.backend == backend.name; };
    if (std::none_of(options.routes.begin(), options.routes.end(), leads_here)) continue;
    if (const std::string_view reason = WhyNotReady(backend, options.pool); !reason.empty()) return reason;
  }
  return "";
}

std::string UrlsOf(const Options& options) {
  std::string all;
  for (const BackendOptions& backend : options.backends) {
    for (const std::string& url : backend.urls) all.append(all.empty() ? "" : ", ").append(url);
  }
  return all;
}

}  // namespace sheaf
