// What is told of a configuration that is right: by `sheaf --check`, and in the log. Start-up code.
#pragma once

#include <string>

#include "proxy/config/config.h"

namespace sheaf {

// Which file was read, or that there was none; listener, backend, admin and routes; warnings; and notes on what would
// keep Sheaf from starting here and now, though the configuration is right: a port that is in use, a missing privilege.
// Binds the addresses for a moment, and listens nowhere.
//
//   configuration is valid: sheaf.conf
//   clients:  :8080
//   ...
//   note:     listen.address: cannot bind to [::]:8080: Address already in use; another program listens there ...
std::string ReportOfCheck(const Configuration& configuration);

// What the log is told of variables that set nothing: a line for each of the two kinds, if there are any.
void LogIgnoredVariables(const Configuration& configuration);

}  // namespace sheaf
