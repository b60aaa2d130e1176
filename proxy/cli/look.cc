#include "proxy/cli/look.h"

#include <optional>
#include <utility>

#include "proxy/cli/refusal.h"

namespace sheaf::cli {
namespace {

constexpr std::string_view kMostConnections = "50";  // no terminal shows more

Result<LookedAt> LookAt(const AdminClient& client, std::string target) {
  Result<AdminReply> reply = client.Ask({.target = std::move(target)});
  if (!reply.ok()) return Error{reply.error()};
  LookedAt seen{.json = {}, .body = std::move(reply.value().body), .why = {}};
  const std::optional<Json> json = Json::Parse(seen.body);
  if (reply.value().status == 200 && json) {
    seen.json = *json;
  } else {
    seen.why = WhyRefused(reply.value().status, seen.body);
  }
  return seen;
}

std::string Member(std::string_view name, const LookedAt& seen) {
  const std::string body = seen.why.empty() ? seen.body.substr(0, seen.body.find_last_not_of('\n') + 1) : "null";
  return "\"" + std::string(name) + "\":" + body;
}

}  // namespace

Result<Look> TakeLook(const AdminClient& client, std::string_view sort) {
  Look look;
  const std::string connections = "/connections?sort=" + std::string(sort) + "&limit=" + std::string(kMostConnections);
  const std::pair<LookedAt*, std::string> wanted[] = {{&look.stats, "/api/performance/websocket/stats"},
                                                      {&look.pools, "/pools"},
                                                      {&look.connections, connections},
                                                      {&look.events, "/events"}};
  for (const auto& [document, target] : wanted) {
    if (document == &look.stats) look.time = std::chrono::steady_clock::now();
    Result<LookedAt> seen = LookAt(client, target);
    if (!seen.ok()) return Error{seen.error()};
    *document = std::move(seen.value());
    if (!look.stats.why.empty()) break;  // the same token is refused everywhere
  }
  return look;
}

std::string JsonOf(const Look& look) {
  return "{" + Member("stats", look.stats) + "," + Member("pools", look.pools) + "," +
         Member("connections", look.connections) + "," + Member("events", look.events) + "}";
}

}  // namespace sheaf::cli
