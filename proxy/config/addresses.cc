#include "proxy/config/addresses.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>
#include <vector>

#include "proxy/base/ascii.h"
#include "proxy/net/address.h"

namespace sheaf {
namespace {

constexpr std::string_view kUnix = "unix:";

constexpr net::IpBytes kLoopbackV6 = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
constexpr net::IpBytes kLoopbackV4 = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 127, 0, 0, 1};

bool IsIpv4(const net::IpBytes& ip) {
  return ip[10] == 0xFF && ip[11] == 0xFF;
}

bool IsAnyHost(std::string_view host) {
  return host.empty() || host == "*" || host == "::";
}

// Where a connection goes; empty: to a name that would have to be looked up.
std::vector<net::IpBytes> TargetsOf(std::string_view host) {
  if (IsAnyHost(host) || EqualsIgnoreCase(host, net::kLocalhost)) return {kLoopbackV4, kLoopbackV6};
  if (host == "0.0.0.0") return {kLoopbackV4};
  const std::optional<net::IpBytes> ip = net::ParseIp(host);
  return ip ? std::vector{*ip} : std::vector<net::IpBytes>();
}

bool Accepts(std::string_view host, bool ipv6_only, const net::IpBytes& target) {
  if (IsAnyHost(host)) return !(ipv6_only && IsIpv4(target)) && net::IsOwnIp(target);
  if (host == "0.0.0.0") return IsIpv4(target) && net::IsOwnIp(target);
  // A listener has one address, and that is the first of localhost.
  if (EqualsIgnoreCase(host, net::kLocalhost)) return target == kLoopbackV4;
  return net::ParseIp(host) == target;
}

// What a socket that listens at a host takes for itself, at its port.
struct Claim {
  bool all_ipv4 = false;
  bool all_ipv6 = false;
  std::optional<net::IpBytes> ip;  // nullopt besides: of a name that would have to be looked up
};

Claim ClaimOf(std::string_view host, bool ipv6_only) {
  if (IsAnyHost(host)) return {.all_ipv4 = !ipv6_only, .all_ipv6 = true, .ip = {}};
  if (host == "0.0.0.0") return {.all_ipv4 = true, .all_ipv6 = false, .ip = {}};
  if (EqualsIgnoreCase(host, net::kLocalhost)) return {.ip = kLoopbackV4};
  return {.ip = net::ParseIp(host)};
}

bool Covers(const Claim& all, const Claim& other) {
  if (all.all_ipv4 && all.all_ipv6) return true;
  if (other.ip) return IsIpv4(*other.ip) ? all.all_ipv4 : all.all_ipv6;
  return (all.all_ipv4 && other.all_ipv4) || (all.all_ipv6 && other.all_ipv6);
}

// One file, whatever links and dots lead to it.
bool IsSameFile(std::string_view a, std::string_view b) {
  std::error_code error;
  const std::filesystem::path one = std::filesystem::weakly_canonical(a, error);
  const std::filesystem::path other = std::filesystem::weakly_canonical(b, error);
  return error ? a == b : one == other;
}

bool IsUnix(std::string_view address) {
  return address.starts_with(kUnix);
}

bool IsSameSocket(std::string_view one, std::string_view other) {
  return IsUnix(one) && IsUnix(other) && IsSameFile(one.substr(kUnix.size()), other.substr(kUnix.size()));
}

}  // namespace

bool Collide(std::string_view one, bool one_ipv6_only, std::string_view other, bool other_ipv6_only) {
  if (IsUnix(one) || IsUnix(other)) return IsSameSocket(one, other);
  const std::optional<net::HostPort> a = net::SplitHostPort(one);
  const std::optional<net::HostPort> b = net::SplitHostPort(other);
  if (!a || !b || a->port != b->port) return false;
  const Claim of_a = ClaimOf(a->host, one_ipv6_only);
  const Claim of_b = ClaimOf(b->host, other_ipv6_only);
  const bool same = of_a.ip ? of_a.ip == of_b.ip : EqualsIgnoreCase(a->host, b->host);
  return same || Covers(of_a, of_b) || Covers(of_b, of_a);
}

bool LeadsTo(std::string_view target, std::string_view listening, bool ipv6_only) {
  if (IsUnix(target) || IsUnix(listening)) return IsSameSocket(target, listening);
  const std::optional<net::HostPort> to = net::SplitHostPort(target);
  const std::optional<net::HostPort> at = net::SplitHostPort(listening);
  if (!to || !at || to->port != at->port) return false;
  const std::vector<net::IpBytes> targets = TargetsOf(to->host);
  if (targets.empty()) return EqualsIgnoreCase(to->host, at->host);
  return std::any_of(targets.begin(), targets.end(),
                     [&](const net::IpBytes& ip) { return Accepts(at->host, ipv6_only, ip); });
}

}  // namespace sheaf
