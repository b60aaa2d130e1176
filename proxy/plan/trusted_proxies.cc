#include "proxy/plan/trusted_proxies.h"

#include <algorithm>
#include <span>

namespace sheaf {
namespace {

constexpr std::string_view kLoopback[] = {"127.0.0.0/8", "::1"};
constexpr std::string_view kPrivateRanges[] = {"127.0.0.0/8",    "::1",     "10.0.0.0/8", "172.16.0.0/12",
                                               "192.168.0.0/16", "fd00::/8"};
constexpr std::string_view kAlsoPrivate[] = {"fc00::/7", "100.64.0.0/10", "169.254.0.0/16", "fe80::/10"};

std::vector<net::Cidr> Networks(std::span<const std::string_view> texts) {
  std::vector<net::Cidr> networks;
  for (const std::string_view text : texts) networks.push_back(*net::Cidr::Parse(text));
  return networks;
}

bool AnyContains(const std::vector<net::Cidr>& networks, const net::IpBytes& ip) {
  return std::any_of(networks.begin(), networks.end(), [&ip](const net::Cidr& one) { return one.Contains(ip); });
}

bool IsPrivateAddress(const net::IpBytes& ip) {
  static const std::vector<net::Cidr> ranges = Networks(kPrivateRanges);
  static const std::vector<net::Cidr> more = Networks(kAlsoPrivate);
  return AnyContains(ranges, ip) || AnyContains(more, ip);
}

}  // namespace

std::optional<std::vector<net::Cidr>> ParseTrustedProxy(std::string_view entry) {
  if (entry == "none") return std::vector<net::Cidr>();
  if (entry == "loopback") return Networks(kLoopback);
  if (entry == "private_ranges") return Networks(kPrivateRanges);
  if (const auto network = net::Cidr::Parse(entry)) return std::vector{*network};
  return std::nullopt;
}

TrustedProxies::TrustedProxies(const std::vector<std::string>& entries, bool named)
    : trust_(named ? Trust::kNamed : Trust::kByDefault) {
  for (const std::string& entry : entries) {
    const auto networks = ParseTrustedProxy(entry);
    if (networks) networks_.insert(networks_.end(), networks->begin(), networks->end());
  }
}

Trust TrustedProxies::TrustOf(const net::IpBytes& ip) const {
  return AnyContains(networks_, ip) ? trust_ : Trust::kNone;
}

std::string LineThatTrusts(const net::IpBytes& peer, const std::vector<std::string>& entries, bool named) {
  const bool nobody = std::find(entries.begin(), entries.end(), "none") != entries.end();
  if (nobody || !IsPrivateAddress(peer)) return {};
  std::string line = "trusted_proxies = [";
  // In single quotes, which the log need not escape.
  if (named) {
    for (const std::string& entry : entries) line.append("'").append(entry).append("', ");
  }
  return line.append("'").append(net::IpToString(peer)).append("']");
}

}  // namespace sheaf
