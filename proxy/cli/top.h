// `sheaf top`: looks at a running Sheaf again and again, and shows what has changed. In a terminal it fills the screen
// and obeys keys; else, and with --once, it prints plain text; with --json, a JSON object a look.
#pragma once

#include <iosfwd>

#include "proxy/cli/admin_client.h"
#include "proxy/cli/cli.h"
#include "proxy/cli/commands.h"

namespace sheaf::cli {

// Ends by the key q, by a signal, when standard output is gone, or with --once by itself. Whoever does not answer the
// first look ends it, too; later, in a terminal, it goes on trying and says so.
Exit RunTop(const Asking& asking, const AdminPlace& place, std::ostream& out, std::ostream& err);

}  // namespace sheaf::cli
