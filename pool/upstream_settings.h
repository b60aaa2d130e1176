// What the options say of a backend and its connections: a value, so that an Upstream can be given another one in its
// life.
#pragma once

#include <string>

#include "pool/balance_key.h"
#include "proxy/base/clock.h"
#include "proxy/base/option_table.h"
#include "proxy/wire/http1.h"

namespace sheaf::pool {

struct UpstreamSettings {
  static UpstreamSettings From(const Options& options, const BackendOptions& backend);

  UpstreamMode mode;
  std::string token;  // of mode mux
  Options::Pool pool;
  Balance balance;
  BalanceKey balance_key;
  AffinityMode affinity;
  Duration slow_start;
  uint32_t max_fails;
  Duration connect_timeout;
  Duration stall_timeout;
  wire::HeadLimits response_limits;
};

}  // namespace sheaf::pool
