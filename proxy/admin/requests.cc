#include "proxy/admin/requests.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <vector>

#include "proxy/admin/stats_history.h"
#include "proxy/base/ascii.h"
#include "proxy/base/exposition.h"
#include "proxy/base/units.h"
#include "proxy/net/address.h"
#include "proxy/wire/http1_status.h"

namespace sheaf {
namespace {

enum class Path : uint8_t { kLive, kReady, kStarted, kMetrics, kStats, kSummary, kHistory };

struct PathRow {
  std::string_view text;
  Path path;
  bool probe;  // asked by kubelets, which hold no token; tells nothing but well or not
};

constexpr std::array kPaths = {
    PathRow{"/livez", Path::kLive, true},
    PathRow{"/readyz", Path::kReady, true},
    PathRow{"/startupz", Path::kStarted, true},
    PathRow{"/metrics", Path::kMetrics, false},
    PathRow{"/api/performance/websocket/stats", Path::kStats, false},
    PathRow{"/api/performance/websocket/summary", Path::kSummary, false},
    PathRow{"/api/performance/websocket/metrics", Path::kHistory, false},
};

const PathRow* FindPath(std::string_view target) {
  const std::string_view path = target.substr(0, target.find('?'));
  const auto* row = std::find_if(kPaths.begin(), kPaths.end(), [path](const PathRow& one) { return one.text == path; });
  return row == kPaths.end() ? nullptr : row;
}

// Every text is a constant without a character that JSON escapes.
AdminAnswer Refusal(int status, std::string_view message) {
  AdminAnswer answer{.status = status};
  answer.body.append("{\"status\":").append(std::to_string(status));
  answer.body.append(",\"message\":\"").append(message).append("\"}\n");
  return answer;
}

AdminAnswer Probe(bool well, std::string_view reason) {
  AdminAnswer answer{.status = well ? 200 : 503};
  if (well) {
    answer.body = "{\"status\":\"ok\"}\n";
  } else {
    answer.body.append("{\"status\":\"failed\",\"reason\":\"").append(reason).append("\"}\n");
  }
  return answer;
}

// "sheaf-admin", "*.svc" for every name below it, or "*".
bool MatchesHost(std::string_view name, std::string_view pattern) {
  if (pattern == "*") return true;
  if (!pattern.starts_with("*.")) return EqualsIgnoreCase(name, pattern);
  return name.size() >= pattern.size() && EndsWithIgnoreCase(name, pattern.substr(1));
}

bool HostIsOurs(std::string_view host, const Options::Admin& options) {
  // Only HTTP/1.0 may come without a Host, and no browser speaks that, nor connects to a Unix socket.
  if (host.empty() || options.address.starts_with("unix:")) return true;
  const std::string_view name = NameOfHost(host);
  if (name.empty()) return false;
  if (EqualsIgnoreCase(name, "localhost") || net::IsIpLiteral(name)) return true;
  const auto& allowed = options.allowed_hosts;
  return EqualsIgnoreCase(name, NameOfHost(options.address)) ||
         std::any_of(allowed.begin(), allowed.end(), [name](const std::string& one) { return MatchesHost(name, one); });
}

bool TokenIsRight(const wire::RequestHead& request, std::string_view token) {
  constexpr std::string_view kScheme = "Bearer ";
  if (request.Count("Authorization") != 1) return false;
  const std::string_view value = *request.Find("Authorization");
  return EqualsIgnoreCase(value.substr(0, kScheme.size()), kScheme) &&
         EqualsInConstantTime(value.substr(kScheme.size()), token);
}

// "?last=10m" narrows it.
AdminAnswer History(std::string_view target, const AdminSource& source) {
  constexpr std::string_view kLast = "last=";
  constexpr std::chrono::hours kLongestHistory(24);  // memory.history has no more
  const size_t mark = target.find('?');
  auto since = std::chrono::system_clock::time_point{};
  if (mark != std::string_view::npos) {
    const std::string_view query = target.substr(mark + 1);
    const auto last = query.starts_with(kLast) ? ParseDuration(query.substr(kLast.size()))
                                               : std::optional<std::chrono::milliseconds>();
    if (!last) return Refusal(400, "the query must be last= and a time such as 10m, or nothing");
    since = std::chrono::system_clock::now() - std::min<std::chrono::milliseconds>(*last, kLongestHistory);
  }
  return {.body = HistoryJson(source.memory_history().Since(since)) + "\n"};
}

// In the form that the scraper asks for.
AdminAnswer Metrics(const wire::RequestHead& request, const AdminSource& source) {
  std::vector<std::string_view> accept;
  for (const wire::Field& field : request.fields) {
    if (EqualsIgnoreCase(field.name, "Accept")) accept.push_back(field.value);
  }
  const ExpositionFormat format = FormatFor(accept);
  return {.content_type = ContentTypeOf(format),
          .extra_field = "Vary: Accept\r\n",
          .body = source.metrics().Render(format)};
}

AdminAnswer Answer(Path path, const wire::RequestHead& request, const AdminSource& source, bool live) {
  switch (path) {
    case Path::kLive:
      return Probe(live, "a worker hangs");
    case Path::kReady: {
      const AdminSource::Readiness readiness = source.ready();
      return Probe(readiness.ready, readiness.reason);
    }
    case Path::kStarted:
      return Probe(source.started(), "not listening yet");
    case Path::kMetrics:
      return Metrics(request, source);
    case Path::kStats:
      return {.body = StatsJson(source.Stats()) + "\n"};
    case Path::kSummary:
      return {.body = SummaryJson(source.Stats()) + "\n"};
    case Path::kHistory:
      return History(request.target, source);
  }
  return Refusal(404, "there is nothing at this path");
}

std::string_view ReasonPhrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 401:
      return "Unauthorized";
    default:
      return wire::StatusText(status);
  }
}

}  // namespace

AdminAnswer HandleAdminRequest(const wire::RequestHead& request, const Options::Admin& options,
                               const AdminSource& source, bool live) {
  if (request.Find("Origin")) return Refusal(403, "requests from web pages are refused");
  const PathRow* row = FindPath(request.target);
  const bool probe = row != nullptr && row->probe;
  const bool has_token = !options.token.empty() && TokenIsRight(request, options.token);
  if (!probe && !has_token && !HostIsOurs(request.host, options)) {
    AdminAnswer answer =
        Refusal(403,
                "the Host is neither localhost nor an address nor in admin.allowed_hosts: add its name "
                "there, or set admin.token and send it as a bearer token");
    answer.foreign_host = true;
    return answer;
  }
  if (!probe && !has_token && !options.token.empty()) {
    AdminAnswer answer = Refusal(401, "admin.token is asked for as a bearer token");
    answer.extra_field = "WWW-Authenticate: Bearer\r\n";
    return answer;
  }
  if (row == nullptr) return Refusal(404, "there is nothing at this path");
  if (request.method != "GET" && request.method != "HEAD") {
    AdminAnswer answer = Refusal(405, "only GET and HEAD are answered here");
    answer.extra_field = "Allow: GET, HEAD\r\n";
    return answer;
  }
  if (request.body != wire::BodyKind::kNone) return Refusal(400, "this request must not have a body");
  return Answer(row->path, request, source, live);
}

AdminAnswer RefuseAdminRequest(RefuseReason reason) {
  const RefuseReasonRow& row = Describe(reason);
  return Refusal(row.status, row.text);
}

std::string_view NameOfHost(std::string_view host) {
  if (host.starts_with('[')) {
    const size_t end = host.find(']');
    return end == std::string_view::npos ? host : host.substr(1, end - 1);
  }
  host = host.substr(0, host.rfind(':'));
  return host.ends_with('.') ? host.substr(0, host.size() - 1) : host;
}

std::string SerializeAdminAnswer(const AdminAnswer& answer, bool head_request, bool keep_alive) {
  std::string bytes = "HTTP/1.1 ";
  bytes.append(std::to_string(answer.status)).append(" ").append(ReasonPhrase(answer.status));
  bytes.append("\r\nContent-Type: ").append(answer.content_type);
  bytes.append("\r\nContent-Length: ").append(std::to_string(answer.body.size()));
  bytes.append("\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n").append(answer.extra_field);
  bytes.append(keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n");
  if (!head_request) bytes.append(answer.body);
  return bytes;
}

bool EqualsInConstantTime(std::string_view given, std::string_view secret) {
  // As many steps as `given` is long, which its sender knows anyway.
  size_t difference = given.size() ^ secret.size();
  for (size_t i = 0; i < given.size(); ++i) {
    const char other = secret.empty() ? '\0' : secret[i % secret.size()];
    difference |= static_cast<unsigned char>(given[i] ^ other);
  }
  return difference == 0;
}

}  // namespace sheaf
