#include "pool/upstream_settings.h"

#include "pool/http1_codec.h"

namespace sheaf::pool {

UpstreamSettings UpstreamSettings::From(const Options& options, const BackendOptions& backend) {
  UpstreamSettings settings{.mode = backend.mode,
                            .token = backend.token,
                            .pool = options.pool,
                            .balance = backend.balance,
                            // What the configuration has checked.
                            .balance_key = BalanceKey::Parse(backend.balance_key).value(),
                            .affinity = backend.affinity,
                            .slow_start = backend.slow_start,
                            .max_fails = backend.max_fails,
                            .connect_timeout = backend.connect_timeout,
                            .stall_timeout = options.timeouts.stall,
                            .response_limits = ResponseHeadLimits(options.limits)};
  settings.pool.health_check_path = backend.health_check_path;
  return settings;
}

}  // namespace sheaf::pool
