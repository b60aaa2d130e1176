#include "proxy/admin/requests.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "proxy/admin/backends_json.h"
#include "proxy/admin/json_writer.h"
#include "proxy/admin/push_requests.h"
#include "proxy/admin/stats_history.h"
#include "proxy/base/ascii.h"
#include "proxy/base/exposition.h"
#include "proxy/base/units.h"
#include "proxy/net/address.h"
#include "proxy/wire/http1_status.h"
#include "proxy/wire/query.h"

namespace sheaf {
namespace {

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

struct Asked {
  const wire::RequestHead& request;
  std::string_view body;
  AdminSource& source;
  bool live;  // as Liveness says
};

// "?last=10m" narrows it.
AdminAnswer History(const Asked& asked) {
  const std::string_view target = asked.request.target;
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
  return {.body = HistoryJson(asked.source.memory_history().Since(since)) + "\n"};
}

// In the form that the scraper asks for.
AdminAnswer Metrics(const Asked& asked) {
  std::vector<std::string_view> accept;
  for (const wire::Field& field : asked.request.fields) {
    if (EqualsIgnoreCase(field.name, "Accept")) accept.push_back(field.value);
  }
  const ExpositionFormat format = FormatFor(accept);
  return {.content_type = ContentTypeOf(format),
          .extra_field = "Vary: Accept\r\n",
          .body = asked.source.metrics().Render(format)};
}

AdminAnswer Live(const Asked& asked) {
  return Probe(asked.live, "a worker hangs");
}

AdminAnswer Ready(const Asked& asked) {
  const AdminSource::Readiness readiness = asked.source.ready();
  return Probe(readiness.ready, readiness.reason);
}

AdminAnswer Started(const Asked& asked) {
  return Probe(asked.source.started(), "not listening yet");
}

AdminAnswer Stats(const Asked& asked) {
  return {.body = StatsJson(asked.source.Stats()) + "\n"};
}

AdminAnswer Summary(const Asked& asked) {
  return {.body = SummaryJson(asked.source.Stats()) + "\n"};
}

// 422: the request was as it should be, the configuration was not.
AdminAnswer AnswerOf(const ReloadAnswer& reload) {
  JsonWriter json;
  json.Begin();
  json.Add("status", std::string_view(reload.taken ? "ok" : "failed"));
  json.Add("generation", reload.generation);
  json.Add("sha256", reload.digest);
  if (!reload.taken) json.Add("error", reload.error);
  json.AddTexts("needs_restart", reload.needs_restart);
  json.End();
  return {.status = reload.taken ? 200 : 422, .body = json.Take() + "\n"};
}

void Reload(const Asked& asked, AdminReply reply) {
  asked.source.Reload([reply = std::move(reply)](const ReloadAnswer& reload) { reply(AnswerOf(reload)); });
}

AdminAnswer RefusePush(const std::string& error) {
  JsonWriter json;
  json.Begin();
  json.Add("status", int64_t{400});
  json.Add("message", error);
  json.End();
  return {.status = 400, .body = json.Take() + "\n"};
}

void PushOne(const Asked& asked, AdminReply reply) {
  auto read = ReadPush(asked.body);
  if (!read.ok()) return reply(RefusePush(read.error()));
  const Push push = read.value().front();
  asked.source.Deliver(std::move(read.value()), [push, reply = std::move(reply)](const PushAnswer& answer) {
    PushReport report = ReportPush(push, answer);
    reply({.status = report.status, .body = std::move(report.body)});
  });
}

void PushMany(const Asked& asked, AdminReply reply) {
  auto read = ReadPushes(asked.body);
  if (!read.ok()) return reply(RefusePush(read.error()));
  std::vector<Push> pushes = read.value();
  for (Push& push : pushes) push.payload.clear();  // for the report they need not be kept
  asked.source.Deliver(std::move(read.value()), [pushes, reply = std::move(reply)](const PushAnswer& answer) {
    PushReport report = ReportPushes(pushes, answer);
    reply({.status = report.status, .body = std::move(report.body)});
  });
}

AdminAnswer Backends(const Asked& asked) {
  return {.body = BackendsJson(asked.source.metrics().endpoints().All()) + "\n"};
}

constexpr std::string_view kBackends = "/backends/";

// POST /backends/<backend>/<endpoint>/drain or undrain. The endpoint of a Unix socket has slashes of its own.
void DrainEndpoint(const Asked& asked, AdminReply reply) {
  const std::string path = wire::DecodePercent(asked.request.target.substr(kBackends.size()));
  const size_t first = path.find('/');
  const size_t last = path.rfind('/');
  const std::string_view action = std::string_view(path).substr(last == std::string::npos ? 0 : last + 1);
  const bool drain = action == "drain";
  if (first == last || (!drain && action != "undrain")) {
    return reply(Refusal(404, "what can be done here is POST /backends/<backend>/<endpoint>/drain, or undrain"));
  }
  const std::string backend = path.substr(0, first);
  const std::string endpoint = path.substr(first + 1, last - first - 1);
  if (!asked.source.SetDraining(backend, endpoint, drain)) {
    return reply(Refusal(404, "no backend has an endpoint of this name now: GET /backends lists them"));
  }
  JsonWriter json;
  json.Begin();
  json.Add("status", std::string_view("ok"));
  json.Add("backend", backend);
  json.Add("endpoint", endpoint);
  json.Add("draining", drain);
  json.End();
  reply({.body = json.Take() + "\n"});
}

// A probe is asked by kubelets, which hold no token, and tells nothing but well or not.
enum class Access : uint8_t { kProbe, kReads, kChanges };

struct PathRow {
  std::string_view text;  // one that ends with a slash stands for all under it
  Access access;
  AdminAnswer (*answer)(const Asked&);            // to GET and HEAD; nullptr: none
  void (*begin)(const Asked&, AdminReply reply);  // to POST; nullptr: none
  size_t most_body = 0;                           // of the POST's body; 0: it must not have one
};

constexpr size_t kMostMessage = 1024 * 1024;
constexpr size_t kMostMessages = 8 * 1024 * 1024;

constexpr std::array kPaths = {
    PathRow{"/livez", Access::kProbe, &Live, nullptr},
    PathRow{"/readyz", Access::kProbe, &Ready, nullptr},
    PathRow{"/startupz", Access::kProbe, &Started, nullptr},
    PathRow{"/metrics", Access::kReads, &Metrics, nullptr},
    PathRow{"/api/performance/websocket/stats", Access::kReads, &Stats, nullptr},
    PathRow{"/api/performance/websocket/summary", Access::kReads, &Summary, nullptr},
    PathRow{"/api/performance/websocket/metrics", Access::kReads, &History, nullptr},
    PathRow{"/reload", Access::kChanges, nullptr, &Reload},
    PathRow{"/backends", Access::kReads, &Backends, nullptr},
    PathRow{kBackends, Access::kChanges, nullptr, &DrainEndpoint},
    PathRow{"/api/messages", Access::kChanges, nullptr, &PushOne, kMostMessage},
    PathRow{"/api/messages/batch", Access::kChanges, nullptr, &PushMany, kMostMessages},
};

const PathRow* FindPath(std::string_view target) {
  const std::string_view path = target.substr(0, target.find('?'));
  const auto* row = std::find_if(kPaths.begin(), kPaths.end(), [path](const PathRow& one) {
    return one.text.ends_with('/') ? path.starts_with(one.text) : path == one.text;
  });
  return row == kPaths.end() ? nullptr : row;
}

// Whether this request may be answered at all; nullopt: it may.
std::optional<AdminAnswer> RefuseAccess(const wire::RequestHead& request, const Options::Admin& options,
                                        Access access) {
  if (request.Find("Origin")) return Refusal(403, "requests from web pages are refused");
  if (access == Access::kProbe) return std::nullopt;
  if (!options.token.empty() && TokenIsRight(request, options.token)) return std::nullopt;
  if (!HostIsOurs(request.host, options)) {
    AdminAnswer answer =
        Refusal(403,
                "the Host is neither localhost nor an address nor in admin.allowed_hosts: add its name "
                "there, or set admin.token and send it as a bearer token");
    answer.foreign_host = true;
    return answer;
  }
  if (!options.token.empty()) {
    AdminAnswer answer = Refusal(401, "admin.token is asked for as a bearer token");
    answer.extra_field = "WWW-Authenticate: Bearer\r\n";
    return answer;
  }
  if (access == Access::kChanges && !options.address.starts_with("unix:")) {
    return Refusal(403, "to change something, set admin.token and send it as a bearer token");
  }
  return std::nullopt;
}

bool IsRead(const wire::RequestHead& request) {
  return request.method == "GET" || request.method == "HEAD";
}

AdminAnswer RefuseMethod(const PathRow& row) {
  const bool posted = row.begin != nullptr;
  AdminAnswer answer = Refusal(405, posted ? "only POST is answered here" : "only GET and HEAD are answered here");
  answer.extra_field = posted ? "Allow: POST\r\n" : "Allow: GET, HEAD\r\n";
  return answer;
}

}  // namespace

AdminVerdict JudgeAdminRequest(const wire::RequestHead& request, const Options::Admin& options) {
  const PathRow* row = FindPath(request.target);
  if (auto refusal = RefuseAccess(request, options, row != nullptr ? row->access : Access::kReads)) return {refusal};
  if (row == nullptr) return {Refusal(404, "there is nothing at this path")};
  const bool reads = IsRead(request);
  if (reads ? row->answer == nullptr : row->begin == nullptr || request.method != "POST") return {RefuseMethod(*row)};
  const size_t most = reads ? 0 : row->most_body;
  const bool has_body = request.body != wire::BodyKind::kNone;
  if (has_body && most == 0) return {Refusal(400, "this request must not have a body")};
  if (request.content_length > most) return {RefuseAdminBody(most)};
  return {.refusal = std::nullopt, .most_body = most};
}

std::optional<AdminAnswer> HandleAdminRequest(const wire::RequestHead& request, std::string_view body,
                                              AdminSource& source, bool live, AdminReply reply) {
  const PathRow& row = *FindPath(request.target);
  const Asked asked{request, body, source, live};
  if (IsRead(request)) return row.answer(asked);
  row.begin(asked, std::move(reply));
  return std::nullopt;
}

AdminAnswer RefuseAdminRequest(RefuseReason reason) {
  const RefuseReasonRow& row = Describe(reason);
  return Refusal(row.status, row.text);
}

AdminAnswer RefuseAdminBody(size_t most) {
  const std::string mib = std::to_string(most / (1024 * 1024));
  return Refusal(413, "the body is larger than " + mib + " MiB: send less at a time");
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
  bytes.append(std::to_string(answer.status)).append(" ").append(wire::StatusText(answer.status));
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
