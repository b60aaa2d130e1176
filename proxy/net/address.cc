#include "proxy/net/address.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <system_error>

namespace sheaf::net {
namespace {

Result<Address> UnixAddress(std::string_view path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return Error{"the path of a Unix socket must have 1 to " + std::to_string(sizeof(address.sun_path) - 1) + " bytes"};
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return Address(reinterpret_cast<const sockaddr*>(&address), length);
}

Address Ipv6Address(const in6_addr& ip, uint16_t port) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = ip;
  address.sin6_port = htons(port);
  return Address(reinterpret_cast<const sockaddr*>(&address), sizeof(address));
}

Address Ipv4Address(in_addr_t ip, uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(ip);
  address.sin_port = htons(port);
  return Address(reinterpret_cast<const sockaddr*>(&address), sizeof(address));
}

std::string LookupError(int error) {
  return error == EAI_SYSTEM ? std::generic_category().message(errno) : gai_strerror(error);
}

}  // namespace

Address::Address(const sockaddr* address, socklen_t length) : length_(length) {
  std::memcpy(&storage_, address, std::min<size_t>(length, sizeof(storage_)));
}

Result<Address> Address::Resolve(std::string_view text, bool passive) {
  Result<std::vector<Address>> all = ResolveAll(text, passive);
  if (!all.ok()) return Error{all.error()};
  return all.value().front();
}

Result<std::vector<Address>> Address::ResolveAll(std::string_view text, bool passive) {
  if (text.starts_with("unix:")) {
    Result<Address> address = UnixAddress(text.substr(5));
    if (!address.ok()) return Error{address.error()};
    return std::vector{address.value()};
  }
  const std::optional<HostPort> parts = SplitHostPort(text);
  if (!parts) return Error{"'" + std::string(text) + "' is not of the form host:port, [v6]:port or unix:/path"};

  if (passive && (parts->host.empty() || parts->host == "*")) return std::vector{Ipv6Address(in6addr_any, parts->port)};
  if (parts->host == kLocalhost) {
    return std::vector{Ipv4Address(INADDR_LOOPBACK, parts->port), Ipv6Address(in6addr_loopback, parts->port)};
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = passive ? AI_PASSIVE : 0;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(parts->port);
  const int error = getaddrinfo(parts->host.c_str(), port.c_str(), &hints, &found);
  if (error != 0) return Error{"'" + parts->host + "' has no address: " + LookupError(error)};
  std::vector<Address> all;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) all.emplace_back(one->ai_addr, one->ai_addrlen);
  freeaddrinfo(found);
  // IPv4 first: a backend that trusts 127.0.0.1 alone would take "localhost" for a stranger over ::1.
  std::stable_partition(all.begin(), all.end(), [](const Address& one) { return one.family() == AF_INET; });
  return all;
}

Address Address::AnyIpv4(uint16_t port) {
  return Ipv4Address(INADDR_ANY, port);
}

bool Address::operator==(const Address& other) const {
  return length_ == other.length_ && std::memcmp(&storage_, &other.storage_, length_) == 0;
}

bool Address::is_local() const {
  const std::optional<IpBytes> bytes = ip();
  return bytes ? IsLoopback(*bytes) : is_unix();
}

uint16_t Address::port() const {
  if (family() == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in*>(&storage_)->sin_port);
  if (family() == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_port);
  return 0;
}

std::string Address::ToHost() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (family() == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(&storage_)->sin_addr, text, sizeof(text));
  } else if (family() == AF_INET6) {
    const in6_addr& v6 = reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&v6)) {
      inet_ntop(AF_INET, &v6.s6_addr[12], text, sizeof(text));
    } else {
      inet_ntop(AF_INET6, &v6, text, sizeof(text));
    }
  } else if (is_unix()) {
    return std::string("unix:") + path();
  }
  return text;
}

std::string Address::ToString() const {
  if (empty() || is_unix()) return ToHost();
  const std::string host = ToHost();
  const bool brackets = host.find(':') != std::string::npos;
  return (brackets ? "[" + host + "]" : host) + ":" + std::to_string(port());
}

std::optional<IpBytes> Address::ip() const {
  IpBytes bytes{};
  if (family() == AF_INET) {
    bytes[10] = bytes[11] = 0xFF;
    std::memcpy(&bytes[12], &reinterpret_cast<const sockaddr_in*>(&storage_)->sin_addr, 4);
    return bytes;
  }
  if (family() == AF_INET6) {
    std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_addr, bytes.size());
    return bytes;
  }
  return std::nullopt;
}

std::optional<HostPort> SplitHostPort(std::string_view text) {
  std::string_view host;
  std::string_view port;
  if (text.starts_with('[')) {
    const size_t end = text.find("]:");
    if (end == std::string_view::npos) return std::nullopt;
    host = text.substr(1, end - 1);
    port = text.substr(end + 2);
  } else {
    const size_t colon = text.rfind(':');
    if (colon == std::string_view::npos || text.find(':') != colon) return std::nullopt;
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
  }
  uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc() || end != port.data() + port.size() || port.empty()) return std::nullopt;
  return HostPort{std::string(host), number};
}

std::string Reachable(const std::string& address, bool ipv6_only) {
  const std::optional<HostPort> parts = SplitHostPort(address);
  if (!parts) return address;
  const std::string port = std::to_string(parts->port);
  const bool any = parts->host.empty() || parts->host == "*" || parts->host == "0.0.0.0" || parts->host == "::";
  if (!any) return address;
  return (ipv6_only && parts->host != "0.0.0.0" ? "[::1]:" : "127.0.0.1:") + port;
}

bool IsLoopback(const IpBytes& ip) {
  static constexpr IpBytes kLoopbackV6 = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  const bool mapped = ip[10] == 0xFF && ip[11] == 0xFF;
  return ip == kLoopbackV6 || (mapped && ip[12] == 127);
}

bool IsOwnIp(const IpBytes& ip) {
  if (IsLoopback(ip)) return true;
  ifaddrs* interfaces = nullptr;
  if (getifaddrs(&interfaces) != 0) return false;
  bool own = false;
  for (const ifaddrs* one = interfaces; one != nullptr && !own; one = one->ifa_next) {
    const int family = one->ifa_addr == nullptr ? AF_UNSPEC : one->ifa_addr->sa_family;
    if (family == AF_INET) own = Address(one->ifa_addr, sizeof(sockaddr_in)).ip() == ip;
    if (family == AF_INET6) own = Address(one->ifa_addr, sizeof(sockaddr_in6)).ip() == ip;
  }
  freeifaddrs(interfaces);
  return own;
}

bool IsIpLiteral(std::string_view host) {
  return ParseIp(host).has_value();
}

std::string IpToString(const IpBytes& ip) {
  char text[INET6_ADDRSTRLEN] = "";
  in6_addr v6;
  std::memcpy(&v6, ip.data(), ip.size());
  if (IN6_IS_ADDR_V4MAPPED(&v6)) {
    inet_ntop(AF_INET, &ip[12], text, sizeof(text));
  } else {
    inet_ntop(AF_INET6, &v6, text, sizeof(text));
  }
  return text;
}

std::optional<IpBytes> ParseIp(std::string_view text) {
  const std::string copy(text);
  if (copy.find('\0') != std::string::npos) return std::nullopt;  // inet_pton would stop there
  IpBytes bytes{};
  if (inet_pton(AF_INET, copy.c_str(), &bytes[12]) == 1) {
    bytes[10] = bytes[11] = 0xFF;
    return bytes;
  }
  if (inet_pton(AF_INET6, copy.c_str(), bytes.data()) == 1) return bytes;
  return std::nullopt;
}

std::optional<Cidr> Cidr::Parse(std::string_view text) {
  const size_t slash = text.find('/');
  const std::string_view host = text.substr(0, slash);
  const std::optional<IpBytes> ip = ParseIp(host);
  if (!ip) return std::nullopt;
  const bool v4 = host.find(':') == std::string_view::npos;
  const int width = v4 ? 32 : 128;
  int bits = width;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
    if (error != std::errc() || end != digits.data() + digits.size() || bits < 0 || bits > width) return std::nullopt;
  }
  Cidr cidr;
  cidr.prefix_ = *ip;
  cidr.bits_ = bits + (128 - width);
  return cidr;
}

bool Cidr::Contains(const IpBytes& ip) const {
  const auto whole = static_cast<size_t>(bits_ / 8);
  if (std::memcmp(prefix_.data(), ip.data(), whole) != 0) return false;
  const int rest = bits_ % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<uint8_t>(0xFF << (8 - rest));
  return (prefix_[whole] & mask) == (ip[whole] & mask);
}

}  // namespace sheaf::net
