// Socket addresses: TCP over IPv4 or IPv6, or a Unix socket. Values; any thread.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/status.h"

namespace sheaf::net {

// An IP address as 16 bytes; IPv4 is kept as IPv4-mapped IPv6, so that both compare alike.
using IpBytes = std::array<uint8_t, 16>;

class Address {
 public:
  Address() = default;
  Address(const sockaddr* address, socklen_t length);

  // "127.0.0.1:80", "[::1]:80", "name:80" (resolved now, blocking; the first address wins, IPv4 before IPv6) or
  // "unix:/path". localhost is 127.0.0.1 and ::1, whatever name servers say (RFC 6761), and blocks nobody. `passive`:
  // for listening, where an empty host or "*" means any address, [::].
  static Result<Address> Resolve(std::string_view text, bool passive = false);
  // All addresses of a name, at least one, the first choice in front; `text` and `passive` as above.
  static Result<std::vector<Address>> ResolveAll(std::string_view text, bool passive = false);

  // 0.0.0.0
  static Address AnyIpv4(uint16_t port);

  bool empty() const { return length_ == 0; }
  bool operator==(const Address& other) const;
  int family() const { return storage_.ss_family; }
  bool is_unix() const { return family() == AF_UNIX; }
  const sockaddr* data() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t length() const { return length_; }
  // A Unix socket, 127.0.0.0/8 or ::1: the other end is this machine.
  bool is_local() const;
  uint16_t port() const;
  // Of a Unix socket.
  const char* path() const { return reinterpret_cast<const sockaddr_un*>(&storage_)->sun_path; }

  // "127.0.0.1:80", "[::1]:80" or "unix:/path"; `ToHost` is the same without port and brackets.
  std::string ToString() const;
  std::string ToHost() const;

  // nullopt for Unix sockets.
  std::optional<IpBytes> ip() const;

 private:
  // A Unix socket's path may be 108 bytes long; a sockaddr_storage holds it.
  sockaddr_storage storage_{};
  socklen_t length_ = 0;
};

// Splits "host:port" or "[v6]:port". nullopt when there is no port or it is not a number up to 65535.
struct HostPort {
  std::string host;
  uint16_t port;
};
std::optional<HostPort> SplitHostPort(std::string_view text);

// A name that needs no look-up: both loopback addresses.
inline constexpr std::string_view kLocalhost = "localhost";

// Where to connect to what listens at `address`: for a wildcard host, this machine's own address. "0.0.0.0:80" is
// "127.0.0.1:80", and so is "[::]:80", which is both families unless `ipv6_only`.
std::string Reachable(const std::string& address, bool ipv6_only = false);

// Whether `host` is an IP literal (no look-up is needed).
bool IsIpLiteral(std::string_view host);

// 127.0.0.0/8 or ::1.
bool IsLoopback(const IpBytes& ip);

// Whether this machine (this network namespace) has the address, now: what is sent there comes back.
bool IsOwnIp(const IpBytes& ip);

// A range of IP addresses, "10.0.0.0/8" or "fd00::/8" or a single address.
class Cidr {
 public:
  static std::optional<Cidr> Parse(std::string_view text);
  bool Contains(const IpBytes& ip) const;

 private:
  IpBytes prefix_{};
  int bits_ = 0;  // counted in the mapped form: an IPv4 "/8" is 104
};

// As text; IPv4-mapped addresses as IPv4.
std::string IpToString(const IpBytes& ip);

// "192.0.2.1" or "2001:db8::1" to bytes.
std::optional<IpBytes> ParseIp(std::string_view text);

}  // namespace sheaf::net
