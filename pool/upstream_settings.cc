#include "pool/upstream_settings.h"

#include "pool/http1_codec.h"

namespace sheaf::pool {

UpstreamSettings UpstreamSettings::From(const Options& options) {
  return {.pool = options.pool,
          .connect_timeout = options.upstream.connect_timeout,
          .stall_timeout = options.timeouts.stall,
          .response_limits = ResponseHeadLimits(options.limits)};
}

}  // namespace sheaf::pool
