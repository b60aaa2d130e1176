// From a command as it was given to the request that asks for it. Reads the files that arguments name.
#pragma once

#include "proxy/base/status.h"
#include "proxy/cli/admin_client.h"
#include "proxy/cli/commands.h"

namespace sheaf::cli {

// The error says which argument is wrong, and what it must be.
Result<AdminRequest> BuildRequest(const Asking& asking);

}  // namespace sheaf::cli
