#include "proxy/admin/access.h"

#include <algorithm>

#include "proxy/base/ascii.h"
#include "proxy/net/address.h"

namespace sheaf {
namespace {

bool IsUnix(const Options::Admin& options) {
  return options.address.starts_with("unix:");
}

// "sheaf-admin", "*.svc" for every name below it, or "*".
bool MatchesHost(std::string_view name, std::string_view pattern) {
  if (pattern == "*") return true;
  if (!pattern.starts_with("*.")) return EqualsIgnoreCase(name, pattern);
  return name.size() >= pattern.size() && EndsWithIgnoreCase(name, pattern.substr(1));
}

bool HostIsOurs(std::string_view host, const Options::Admin& options) {
  // Only HTTP/1.0 may come without a Host, and no browser speaks that, nor connects to a Unix socket.
  if (host.empty() || IsUnix(options)) return true;
  const std::string_view name = NameOfHost(host);
  if (name.empty()) return false;
  if (EqualsIgnoreCase(name, "localhost") || net::IsIpLiteral(name)) return true;
  const auto& allowed = options.allowed_hosts;
  return EqualsIgnoreCase(name, NameOfHost(options.address)) ||
         std::any_of(allowed.begin(), allowed.end(), [name](const std::string& one) { return MatchesHost(name, one); });
}

bool TokenIsRight(const wire::RequestHead& request, std::string_view token) {
  constexpr std::string_view kScheme = "Bearer ";
  if (token.empty() || request.Count("Authorization") != 1) return false;
  const std::string_view value = *request.Find("Authorization");
  return EqualsIgnoreCase(value.substr(0, kScheme.size()), kScheme) &&
         EqualsInConstantTime(value.substr(kScheme.size()), token);
}

// The page asks for its modules with its own origin.
bool OriginMayAsk(const wire::RequestHead& request, Access access) {
  const auto origin = request.Find("Origin");
  if (!origin) return true;
  if (access != Access::kPage || request.Count("Origin") != 1) return false;
  const size_t scheme = origin->starts_with("https://") ? 8 : origin->starts_with("http://") ? 7 : 0;
  return scheme != 0 && !request.host.empty() && EqualsIgnoreCase(origin->substr(scheme), request.host);
}

AdminAnswer RefuseHost() {
  AdminAnswer answer = RefusalAnswer(403,
                                     "the Host is neither localhost nor an address nor in admin.allowed_hosts: add its "
                                     "name there, or set admin.token and send it as a bearer token");
  answer.foreign_host = true;
  return answer;
}

AdminAnswer AskForToken() {
  AdminAnswer answer = RefusalAnswer(401, "admin.token is asked for as a bearer token");
  answer.extra_fields = "WWW-Authenticate: Bearer\r\n";
  return answer;
}

}  // namespace

std::optional<AdminAnswer> RefuseAccess(const wire::RequestHead& request, const Options::Admin& options,
                                        Access access) {
  if (!OriginMayAsk(request, access)) return RefusalAnswer(403, "requests from web pages are refused");
  if (access == Access::kProbe || TokenIsRight(request, options.token)) return std::nullopt;
  if (!HostIsOurs(request.host, options)) return RefuseHost();
  if (access == Access::kPage) return std::nullopt;
  if (!options.token.empty()) return AskForToken();
  if (access == Access::kReads || IsUnix(options)) return std::nullopt;
  return RefusalAnswer(403, access == Access::kSessions
                                ? "to see who is connected, set admin.token and send it as a bearer token"
                                : "to change something, set admin.token and send it as a bearer token");
}

std::string_view NameOfHost(std::string_view host) {
  if (host.starts_with('[')) {
    const size_t end = host.find(']');
    return end == std::string_view::npos ? host : host.substr(1, end - 1);
  }
  host = host.substr(0, host.rfind(':'));
  return host.ends_with('.') ? host.substr(0, host.size() - 1) : host;
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
