// Runs a command of the table (commands.h): asks, prints, and says how it went. Blocking, in the main thread of a
// process that serves nobody.
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>

#include "proxy/cli/admin_client.h"
#include "proxy/cli/commands.h"

namespace sheaf::cli {

enum class Exit : int {
  kDone = 0,
  kFailed = 1,    // refused, or it did not work; why, and what to do, stands in `err`
  kUsage = 2,     // an argument is wrong
  kNoAnswer = 3,  // nobody answers at the address, or not in time
};

// Answers go to `out`, with --json as they came, whatever their status.
Exit Run(const Asking& asking, const AdminPlace& place, std::ostream& out, std::ostream& err);

// `sheaf --healthcheck`: GET /readyz within 3 seconds. kDone: it is ready; else kFailed, and why.
Exit Healthcheck(const std::string& address, std::ostream& err);

}  // namespace sheaf::cli
