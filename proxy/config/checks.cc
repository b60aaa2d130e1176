#include "proxy/config/checks.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <iterator>
#include <optional>
#include <tuple>
#include <utility>

#include "memwatch/pressure.h"
#include "pool/endpoint.h"
#include "proxy/config/backend_checks.h"
#include "proxy/config/config.h"
#include "proxy/config/listener_checks.h"
#include "proxy/net/address.h"
#include "proxy/net/tls_groups.h"
#include "proxy/plan/trusted_proxies.h"
#include "proxy/wire/http1_syntax.h"
#include "proxy/wire/http1_target.h"

namespace sheaf {
namespace {

bool IsPrintable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7F; });
}

bool IsHostCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

bool IsHost(std::string_view host) {
  return net::IsIpLiteral(host) || (!host.empty() && std::all_of(host.begin(), host.end(), IsHostCharacter));
}

std::string CheckListenAddress(std::string_view text) {
  if (text.starts_with("unix:/") && net::Address::Resolve(text).ok()) return "";
  const std::optional<net::HostPort> parts = net::SplitHostPort(text);
  // Port 0 would give each worker a port of its own.
  const bool good = parts && parts->port != 0 && (parts->host.empty() || parts->host == "*" || IsHost(parts->host));
  return good ? "" : "must be host:port (a port from 1 to 65535), [IPv6]:port or unix:/path";
}

std::string CheckAdminAddress(std::string_view text) {
  return text.empty() ? "" : CheckListenAddress(text);
}

std::string CheckSocketMode(std::string_view text) {
  return text.empty() || ParseFileMode(text) ? "" : R"(must be empty or permissions in octal, such as "0660")";
}

std::string CheckTlsGroup(std::string_view text) {
  return net::KnowsGroup(std::string(text))
             ? ""
             : R"(must hold key exchanges that the installed OpenSSL knows, such as "X25519" or "P-256")";
}

std::string CheckUrl(std::string_view text) {
  const Result<pool::UpstreamUrl> url = pool::UpstreamUrl::Parse(text);
  if (!url.ok()) return "must be http://host:port, https://host:port or unix:/path: " + url.error();
  if (url.value().host.empty() ? !net::Address::Resolve(text).ok() : !IsHost(url.value().host)) {
    return "must be http://host:port, https://host:port or unix:/path, with a valid host or path";
  }
  return {};
}

// The name of a backend stands in paths of the admin listener too, where one of dots would not be a segment.
std::string CheckBackendName(std::string_view text) {
  const auto is_alphanumeric = [](char c) { return IsHostCharacter(c) && c != '-' && c != '.' && c != '_'; };
  const bool fits = text.size() <= 64 && std::all_of(text.begin(), text.end(), IsHostCharacter) &&
                    std::any_of(text.begin(), text.end(), is_alphanumeric);
  return fits ? "" : R"(must be 1 to 64 letters, digits, dots, hyphens and underscores, such as "realtime")";
}

std::string CheckBalanceKey(std::string_view text) {
  static constexpr std::string_view kQuery = "query:";
  if (text == "address" || (text.starts_with(kQuery) && text.size() > kQuery.size())) return "";
  for (const std::string_view kind : {"header:", "cookie:"}) {
    if (text.starts_with(kind) && wire::IsToken(text.substr(kind.size()))) return "";
  }
  return R"(must be address, header:NAME, query:NAME or cookie:NAME, such as "header:X-User-ID")";
}

std::string CheckTrustedProxy(std::string_view text) {
  return ParseTrustedProxy(text) ? ""
                                 : R"(must hold IP addresses, networks such as "10.0.0.0/8" or "fd00::/8", )"
                                   R"("loopback", "private_ranges" or "none")";
}

// One with an underscore would be a twin of the field that a WSGI backend takes it for.
std::string CheckUserHeader(std::string_view text) {
  const bool fits = std::all_of(text.begin(), text.end(), [](char c) { return IsHostCharacter(c) && c != '_'; });
  return fits ? "" : R"(must be empty or the name of a field, without an underscore, such as "X-User-ID")";
}

// Browsers send scheme://host[:port] and nothing after it, so anything else would never match.
std::string CheckOrigin(std::string_view text) {
  const size_t scheme = text.find("://");
  const bool fits = text == "*" || (scheme != std::string_view::npos && scheme > 0 && IsPrintable(text) &&
                                    scheme + 3 < text.size() && text.find('/', scheme + 3) == std::string_view::npos);
  return fits ? ""
              : R"(must hold origins such as "https://example.org", "https://*.example.org" or "*", without a path)";
}

std::string CheckAllowedHost(std::string_view text) {
  const bool fits = text == "*" || IsHost(text.starts_with("*.") ? text.substr(2) : text);
  return fits ? "" : R"(must hold host names such as "sheaf-admin", "*.svc" or "*", without a port)";
}

std::string CheckRequestPath(std::string_view text) {
  const bool fits = text.empty() || (text.starts_with('/') && IsPrintable(text));
  return fits ? "" : R"(must be empty or a path such as "/health")";
}

// In the form that clients' paths are compared in, so that none of theirs passes for it.
std::string CheckWebhook(std::string_view text) {
  if (text.empty()) return "";
  const std::optional<std::string> normal = wire::NormalizeTarget(text);
  const bool fits = normal && *normal == text && text.size() > 1 && text.find('?') == std::string_view::npos;
  return fits ? "" : R"(must be empty or a plain path such as "/internal/memory")";
}

std::string CheckServerName(std::string_view text) {
  return text.empty() || IsHost(text) ? "" : "must be empty or a host name";
}

struct FormRule {
  std::string_view option;
  std::string (*check)(std::string_view text);
};
constexpr FormRule kFormRules[] = {
    {"listen.address", &CheckListenAddress},
    {"listen.socket_mode", &CheckSocketMode},
    {"listen.tls_groups", &CheckTlsGroup},
    {"listener.address", &CheckListenAddress},
    {"listener.socket_mode", &CheckSocketMode},
    {"listener.tls_groups", &CheckTlsGroup},
    {"upstream.url", &CheckUrl},
    {"upstream.urls", &CheckUrl},
    {"upstream.balance_key", &CheckBalanceKey},
    {"upstream.tls_server_name", &CheckServerName},
    {"backend.name", &CheckBackendName},
    {"backend.url", &CheckUrl},
    {"backend.urls", &CheckUrl},
    {"backend.balance_key", &CheckBalanceKey},
    {"backend.tls_server_name", &CheckServerName},
    {"backend.health_check_path", &CheckRequestPath},
    {"pool.health_check_path", &CheckRequestPath},
    {"websocket.allowed_origins", &CheckOrigin},
    {"route.allowed_origins", &CheckOrigin},
    {"forwarded.trusted_proxies", &CheckTrustedProxy},
    {"identity.user_header", &CheckUserHeader},
    {"admin.address", &CheckAdminAddress},
    {"admin.allowed_hosts", &CheckAllowedHost},
    {"memory.webhook", &CheckWebhook},
};

std::string Percent(double percent) {
  std::array<char, 16> text;
  std::snprintf(text.data(), text.size(), "%.4g", percent);
  return text.data();
}

class ContradictionFinder {
 public:
  explicit ContradictionFinder(const Options& options) : options_(options) {}

  std::vector<Contradiction> Find() {
    CheckOrder();
    CheckMemoryLevels();
    CheckSlowClient();
    CheckTrustedProxies();
    return std::move(found_);
  }

 private:
  static const OptionRow* Row(std::string_view section, std::string_view name) { return FindOption(section, name); }

  void Add(std::vector<const OptionRow*> options, std::string text) {
    found_.push_back({std::move(options), std::move(text)});
  }

  void CheckOrder() {
    const auto& [pool, limits, batching] = std::tie(options_.pool, options_.limits, options_.batching);
    if (pool.min_size != kAuto) AtMost(pool.min_size, Row("pool", "min_size"), pool.max_size, Row("pool", "max_size"));
    AtMost(pool.backoff_min, Row("pool", "backoff_min"), pool.backoff_max, Row("pool", "backoff_max"));
    // Strictly: with both alike, a slow reader would stop and start reading with each byte.
    AtMost(limits.buffer_low + 1, Row("limits", "buffer_low"), limits.buffer_high, Row("limits", "buffer_high"),
           "below");
    // Messages that wait for their batch count as waiting for the client: before the batch is full, the client would be
    // taken for a slow one.
    AtMost(batching.max_bytes, Row("batching", "max_bytes"), limits.buffer_high, Row("limits", "buffer_high"));
  }

  void CheckMemoryLevels() {
    const auto levels = memwatch::PressureThresholds::From(options_.memory);
    if (levels.moderate <= levels.high && levels.high <= levels.critical) return;
    Add({Row("memory", "moderate_percent"), Row("memory", "high_percent"), Row("memory", "critical_percent")},
        "the memory levels begin at " + Percent(levels.moderate) + " (moderate), " + Percent(levels.high) +
            " (high) and " + Percent(levels.critical) +
            " (critical) percent, which must rise: set all three, or leave them to max_percent");
  }

  // A route whose own slow_client asks for rules is told so by FindRouteContradictions.
  void CheckSlowClient() {
    const auto& routes = options_.routes;
    if (options_.batching.slow_client != SlowClient::kConflate) return;
    if (std::any_of(routes.begin(), routes.end(), [](const RouteOptions& route) { return !route.conflate.empty(); }))
      return;
    Add({Row("batching", "slow_client")},
        "batching.slow_client is \"conflate\", but no [[route]] has conflation rules: "
        "add some, or choose \"pause\", \"drop_oldest\" or \"close\"");
  }

  template <typename T>
  void AtMost(T small, const OptionRow* small_row, T large, const OptionRow* large_row,
              std::string_view relation = "at most") {
    if (small <= large) return;
    Options copy = options_;
    Add({small_row, large_row}, small_row->FullName() + " (" + FormatValue(*small_row, small_row->slot(copy)) +
                                    ") must be " + std::string(relation) + " " + large_row->FullName() + " (" +
                                    FormatValue(*large_row, large_row->slot(copy)) + "): change one of them");
  }

  void CheckTrustedProxies() {
    const auto& list = options_.forwarded.trusted_proxies;
    if (list.size() < 2 || std::find(list.begin(), list.end(), "none") == list.end()) return;
    Add({Row("forwarded", "trusted_proxies")},
        "forwarded.trusted_proxies has \"none\" beside proxies: remove the one or the others");
  }

  const Options& options_;
  std::vector<Contradiction> found_;
};

}  // namespace

std::string CheckForm(std::string_view option, std::string_view text) {
  for (const FormRule& rule : kFormRules) {
    if (rule.option == option) return rule.check(text);
  }
  return {};
}

std::vector<Contradiction> FindContradictions(const Configuration& configuration) {
  std::vector<Contradiction> found = ContradictionFinder(configuration.options).Find();
  for (const auto find : {&FindListenerContradictions, &FindBackendContradictions}) {
    std::vector<Contradiction> more = find(configuration);
    std::move(more.begin(), more.end(), std::back_inserter(found));
  }
  return found;
}

}  // namespace sheaf
