// Who a client is, as proxies in front tell it and as Sheaf tells the backend: X-Forwarded-* or Forwarded, X-Real-IP,
// and the field that names the user. Pure functions.
//
// Of the two families one is believed and written, the other removed, so that nobody is left to choose between two
// answers. A peer's word counts as far as it is trusted; what others say is removed and replaced.
#pragma once

#include <string>
#include <string_view>

#include "proxy/base/option_table.h"
#include "proxy/plan/forwarding_rules.h"
#include "proxy/wire/http1.h"

namespace sheaf {

// Who sent a request.
struct ClientInfo {
  std::string host;            // the address of the connection's other end
  bool tls = false;            // it came over TLS to this proxy
  Trust trust = Trust::kNone;  // of that address
  uint16_t port = 0;           // of the same; 0: not known

  bool trusted() const { return trust != Trust::kNone; }
};

// The client's address for the log: the last in the chain of proxies that is no trusted one (what stands before it the
// client may have made up), or the connection's if its sender is not trusted.
std::string OriginalClient(const wire::RequestHead& request, const ClientInfo& client, const ForwardingRules& rules);

// The user that a proxy named by the operator says the request is of; empty: none said so. At most 256 bytes.
std::string_view UserOf(const wire::RequestHead& request, const ClientInfo& client, const ForwardingRules& rules);

// The same as the backend says in its answer to a WebSocket handshake, which is its own and so is believed.
std::string_view UserOf(const wire::ResponseHead& response, const ForwardingRules& rules);

// Fields that speak for the client, which do not go upstream as they came: AppendForwardedFields writes what is
// believed.
bool SpeaksForClient(std::string_view name, const ClientInfo& client, const ForwardingRules& rules);

// Whether the request has fields that are removed since its sender is not trusted.
bool HasUntrustedClaims(const wire::RequestHead& request, const ClientInfo& client, const ForwardingRules& rules);

// Appends one line of each field, whatever came. `host`: the one that the request goes upstream with.
//   X-Forwarded-For        all that trusted senders list, joined in their order, and the peer
//   X-Forwarded-Proto      (http or https), -Host and the like: the last value, which the nearest proxy wrote
//   X-Real-IP              OriginalClient, if a trusted peer sends one
//   Forwarded              instead of all these: the elements that came, and one for this connection
//   identity.user_header   the last line, of a proxy named by the operator
void AppendForwardedFields(std::string& head, const wire::RequestHead& request, const ClientInfo& client,
                           const ForwardingRules& rules, std::string_view host);

}  // namespace sheaf
