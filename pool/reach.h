// How the endpoints of one url are reached. Immutable; shared by them, in any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "pool/upstream_url.h"
#include "proxy/base/option_table.h"
#include "proxy/base/status.h"
#include "proxy/net/tls_context.h"

namespace sheaf::pool {

struct Reach {
  UpstreamUrl url;
  std::shared_ptr<const net::TlsContext> tls;  // nullptr: plain
  std::string server_name;                     // SNI, and the name that is verified
  std::string key;

  // What makes two descriptions the same: the url, and what it is reached with. Reads tls_ca, whose roots may be others
  // than before.
  static std::string KeyOf(std::string_view url, const BackendOptions& backend);

  // Reads what `backend` names. The error says which option is wrong.
  static Result<std::shared_ptr<const Reach>> Make(std::string_view url, const BackendOptions& backend);
};

}  // namespace sheaf::pool
