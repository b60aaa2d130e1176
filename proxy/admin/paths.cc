#include "proxy/admin/paths.h"

#include "proxy/admin/action_requests.h"
#include "proxy/admin/backend_requests.h"
#include "proxy/admin/connection_requests.h"
#include "proxy/admin/dashboard_requests.h"
#include "proxy/admin/drain_requests.h"
#include "proxy/admin/event_requests.h"
#include "proxy/admin/message_requests.h"
#include "proxy/admin/openapi.h"
#include "proxy/admin/pool_requests.h"
#include "proxy/admin/probe_requests.h"
#include "proxy/admin/reload_requests.h"
#include "proxy/admin/stats_requests.h"
#include "proxy/wire/query.h"

namespace sheaf {
namespace {

using enum AdminMethod;

constexpr std::array kHistoryParameters = {
    ParameterRow{"last", "Only samples of the last so much time", ParameterType::kDuration},
    ParameterRow{"since", "Only samples from this time on, in seconds since 1970; not beside `last`",
                 ParameterType::kNumber},
};

constexpr std::array kEventParameters = {
    ParameterRow{"since", "Only events that came after the one of this number", ParameterType::kCount},
};

constexpr std::array kConnectionsParameters = {
    ParameterRow{"user", "Only sessions of this user"},
    ParameterRow{"path", "Only sessions whose path is this one or under it"},
    ParameterRow{"backend", "Only sessions of this backend, or <backend>/<endpoint>"},
    ParameterRow{"state", "Only sessions in this state: active, idle, slow or closing"},
    ParameterRow{"sort", "By what they are ordered: age (as shipped), idle, bytes, queued or rate"},
    ParameterRow{"order", "desc (as shipped): the most of it first; asc: the least"},
    ParameterRow{"limit", "So many of them, 1 to 1000; 100 as shipped"},
    ParameterRow{"offset", "Behind so many of them; with limit at most 10000"},
};

constexpr size_t kMostMessage = 1024 * 1024;
constexpr size_t kMostMessages = 8 * 1024 * 1024;
constexpr size_t kMostAction = 16 * 1024;

constexpr std::array kPaths = {
    PathRow{kGet, "/", Access::kPage, &AnswerDashboard, "The dashboard"},
    PathRow{kGet, "/dashboard/{file}", Access::kPage, &AnswerDashboardFile, "What the dashboard is made of"},
    PathRow{kGet, "/livez", Access::kProbe, &AnswerLive, "Whether the process is alive"},
    PathRow{kGet, "/readyz", Access::kProbe, &AnswerReady, "Whether new clients should be sent here"},
    PathRow{kGet, "/startupz", Access::kProbe, &AnswerStarted, "Whether clients can connect"},
    PathRow{kGet, "/metrics", Access::kReads, &AnswerMetrics, "All metrics, for Prometheus"},
    PathRow{kGet, "/api/performance/websocket/stats", Access::kReads, &AnswerStats, "All figures"},
    PathRow{kGet, "/api/performance/websocket/summary", Access::kReads, &AnswerSummary, "What to look at first"},
    PathRow{kGet, "/api/performance/websocket/metrics", Access::kReads, &AnswerHistory,
            "Samples of the last memory.history, the oldest first", kHistoryParameters},
    PathRow{kGet, "/events", Access::kReads, &AnswerEvents, "What happened to the process, the newest 200",
            kEventParameters},
    PathRow{kPost, "/reload", Access::kChanges, &BeginReload, "Reads the configuration anew"},
    PathRow{kGet, "/backends", Access::kReads, &AnswerBackends, "The endpoints of each backend"},
    PathRow{kGet, "/pools", Access::kReads, &AnswerPools, "The connections to each endpoint"},
    PathRow{kPost, "/backends/{backend}/{endpoint}/drain", Access::kChanges, &BeginDrainOfEndpoint,
            "The endpoint gets nothing new"},
    PathRow{kPost, "/backends/{backend}/{endpoint}/undrain", Access::kChanges, &BeginUndrainOfEndpoint,
            "The endpoint gets new sessions and requests again"},
    PathRow{kGet, "/connections", Access::kSessions, &AnswerConnections, "The WebSocket sessions",
            kConnectionsParameters},
    PathRow{kGet, "/connections/{id}", Access::kSessions, &AnswerConnection, "One session"},
    PathRow{kPost, "/api/messages", Access::kChanges, &BeginPush, "Sends a message to clients", {}, kMostMessage},
    PathRow{kPost, "/api/messages/batch", Access::kChanges, &BeginPushes, "Sends several messages", {}, kMostMessages},
    PathRow{kPost, "/drain", Access::kChanges, &BeginDrain, "Nobody new comes, and all are told to go"},
    PathRow{.method = kGet,
            .path = "/drain",
            .access = Access::kChanges,
            .handle = &AwaitDrain,
            .doc = "The same, for preStop hooks: answered when it is over",
            .may_take_long = true},
    PathRow{kPost, "/undrain", Access::kChanges, &BeginUndrain, "Clients may come again"},
    PathRow{kPost, "/flush", Access::kChanges, &BeginFlush, "What is gathered for sessions leaves", {}, kMostAction},
    PathRow{kPost, "/close", Access::kChanges, &BeginClose, "Closes sessions", {}, kMostAction},
    PathRow{kPost, "/rebalance", Access::kChanges, &BeginRebalance, "Closes a share of the sessions", {}, kMostAction},
    PathRow{kPost, "/log_level", Access::kChanges, &ChangeLogLevel, "Until the next reload", {}, kMostAction},
    PathRow{kGet, "/openapi.json", Access::kReads, &AnswerOpenApi, "What there is here, as OpenAPI 3.1"},
};

// What stands before the first "{" and behind the last "}".
struct Ends {
  std::string_view before;
  std::string_view behind;
};
Ends EndsOf(std::string_view path) {
  return {path.substr(0, path.find('{')), path.substr(path.rfind('}') + 1)};
}

}  // namespace

std::span<const PathRow> AdminPaths() {
  return kPaths;
}

bool IsAt(const PathRow& row, std::string_view path) {
  if (row.path.find('{') == std::string_view::npos) return path == row.path;
  const auto [before, behind] = EndsOf(row.path);
  return path.size() > before.size() + behind.size() && path.starts_with(before) && path.ends_with(behind);
}

std::string NameIn(const PathRow& row, std::string_view path) {
  if (row.path.find('{') == std::string_view::npos) return {};
  const auto [before, behind] = EndsOf(row.path);
  return wire::DecodePercent(path.substr(before.size(), path.size() - before.size() - behind.size()));
}

}  // namespace sheaf
