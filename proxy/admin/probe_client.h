// `sheaf --healthcheck`: for container images without a shell, where a probe can run this binary and nothing else.
#pragma once

#include <string>

#include "proxy/base/status.h"

namespace sheaf {

// GET /readyz on `admin_address` (admin.address; a wildcard host means this machine), within 3 seconds, blocking. The
// value is the status line of the answer; an error says why there is none, or that its status is not 200.
Result<std::string> AskReadiness(const std::string& admin_address);

}  // namespace sheaf
