// Where a command of the command line asks, and with which token. Start-up code.
#pragma once

#include "proxy/base/status.h"
#include "proxy/cli/admin_client.h"
#include "proxy/config/command_line.h"

namespace sheaf {

// --admin and --token-file, else admin.address and admin.token of the configuration, of which nothing else is looked
// at: a certificate that this user may not read stops nobody here. Where both are given, the configuration is not read.
// `environment`: as environ.
Result<cli::AdminPlace> FindAdmin(const CommandLine& line, const char* const* environment);

}  // namespace sheaf
