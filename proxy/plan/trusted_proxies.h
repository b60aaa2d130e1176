// Whose word is taken for who a client is: forwarded.trusted_proxies, made ready to ask. A value; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/option_table.h"
#include "proxy/net/address.h"

namespace sheaf {

enum class Trust : uint8_t {
  kNone,
  kByDefault,  // a proxy on this machine that nobody named: believed about address, scheme and host
  kNamed,      // the operator wrote it down: believed about identity too
};

// The networks that an entry of forwarded.trusted_proxies stands for: an address, a CIDR, or one of the words
// "loopback", "private_ranges" (Caddy's, which has loopback in it) and "none". nullopt: it is none of these.
std::optional<std::vector<net::Cidr>> ParseTrustedProxy(std::string_view entry);

class TrustedProxies {
 public:
  // Trusts nobody.
  TrustedProxies() = default;
  // `entries`: checked by the configuration; what does not parse is left out. `named`: the operator wrote them.
  explicit TrustedProxies(const std::vector<std::string>& entries, bool named = true);

  // An IPv4-mapped address is its IPv4; a peer on a Unix socket is asked about as 127.0.0.1.
  Trust TrustOf(const net::IpBytes& ip) const;
  bool Contains(const net::IpBytes& ip) const { return TrustOf(ip) != Trust::kNone; }

 private:
  std::vector<net::Cidr> networks_;
  Trust trust_ = Trust::kNone;  // in each of them
};

// The line of the conf file that would make `peer` trusted beside `entries`, if it seems to be the operator's own front
// proxy: its address is one that no stranger on the internet has (private, loopback, link-local, or a carrier's shared
// range, RFC 6598). Empty: it is not, or the operator has written "none".
std::string LineThatTrusts(const net::IpBytes& peer, const std::vector<std::string>& entries, bool named);

}  // namespace sheaf
