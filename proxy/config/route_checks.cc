#include "proxy/config/route_checks.h"

#include <optional>
#include <string_view>

#include "proxy/config/patterns.h"
#include "proxy/plan/routes.h"

namespace sheaf {
namespace {

const FileKey* FindKey(const FileSection& section, std::string_view name) {
  for (const FileKey& key : section.keys) {
    if (key.name == name) return &key;
  }
  return nullptr;
}

}  // namespace

std::string CheckRoutePath(const FileValue& value) {
  const bool is_text = value.type == FileValue::Type::kText;
  if (const auto meant = is_text ? PathMeantBy(value.text) : std::nullopt) {
    return "path " + QuoteToml(value.text) +
           " is a pattern, and paths are compared as they are: a route has all that lies under its path, so write path "
           "= " +
           QuoteToml(*meant);
  }
  if (is_text && NormalizeRoutePath(value.text)) return {};
  return "path must be a text that begins with a slash and has no query, such as \"/api\", not " +
         (is_text ? QuoteToml(value.text) : value.text);
}

std::vector<FileProblem> FindRouteContradictions(const Options& options, const RouteOptions& route,
                                                 const FileSection& section) {
  std::vector<FileProblem> found;
  const FileKey* conflate = FindKey(section, "conflate");
  const bool waits = route.delivery != Delivery::kOff || route.max_rate > 0 || route.max_bytes_rate > 0;
  if (conflate != nullptr && !route.conflate.empty() && !waits) {
    const bool inherited = FindKey(section, "delivery") == nullptr;
    found.push_back({conflate->position, std::string("conflate never acts where delivery is \"off\"") +
                                             (inherited ? " (inherited from batching.delivery)" : "") +
                                             ", since no message waits: set delivery = \"cork\", or remove conflate"});
  }
  const FileKey* slow_client = FindKey(section, "slow_client");
  if (slow_client != nullptr && route.slow_client == SlowClient::kConflate && route.conflate.empty()) {
    found.push_back({slow_client->value.position,
                     "slow_client = \"conflate\" needs conflation rules: add conflate to this route, or choose "
                     "\"pause\", \"drop_oldest\" or \"close\""});
  }
  const FileKey* max_bytes = FindKey(section, "max_bytes");
  if (max_bytes != nullptr && route.max_bytes > options.limits.buffer_high) {
    found.push_back({max_bytes->value.position, "max_bytes (" + FormatBytes(route.max_bytes) +
                                                    ") must be at most limits.buffer_high (" +
                                                    FormatBytes(options.limits.buffer_high) + "): change one of them"});
  }
  return found;
}

}  // namespace sheaf
