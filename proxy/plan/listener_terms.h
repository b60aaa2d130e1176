// What holds for the connections that come in at one address. Never changed once made: a reload makes another, and what
// came in before keeps what it came in with.
#pragma once

#include <memory>

#include "proxy/net/tls_context.h"

namespace sheaf {

struct ListenerTerms {
  std::shared_ptr<const net::TlsContext> tls;  // nullptr: plain text
  bool proxy_protocol = false;                 // each connection begins with a PROXY header
  int backlog = 128;
};

}  // namespace sheaf
