// Who is at the other end of a client's connection, for trust, logs and X-Forwarded-For. A value.
#pragma once

#include <string>

#include "proxy/net/address.h"

namespace sheaf {

struct Peer {
  // Of a Unix socket's other end, which is a program of this machine: 127.0.0.1, so that what holds for the one holds
  // for the other.
  net::IpBytes ip{};
  uint16_t port = 0;  // 0: not known
  bool is_unix = false;
  // A proxy in front speaks for somebody whom it does not name: nobody's word is taken for what the client says.
  bool anonymous = false;

  static Peer Of(const net::Address& address) {
    if (const auto ip = address.ip()) return {.ip = *ip, .port = address.port()};
    return {.ip = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 127, 0, 0, 1}, .is_unix = true};
  }

  // As X-Forwarded-For has it.
  std::string Host() const { return net::IpToString(ip); }
  // As the log has it: "unix", or the address.
  std::string Name() const { return is_unix ? "unix" : Host(); }
};

}  // namespace sheaf
