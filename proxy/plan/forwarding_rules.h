// What the configuration says about those who speak for clients. A value, read by the requests of a worker.
#pragma once

#include <string>

#include "proxy/base/option_table.h"
#include "proxy/plan/trusted_proxies.h"

namespace sheaf {

struct ForwardingRules {
  explicit ForwardingRules(const Options& options)
      : proxies(options.forwarded.trusted_proxies, options.proxies_named),
        header(options.forwarded.header),
        user_header(options.identity.user_header),
        proxies_named(options.proxies_named) {}

  TrustedProxies proxies;
  ForwardedHeader header;
  std::string user_header;
  bool proxies_named;
};

}  // namespace sheaf
