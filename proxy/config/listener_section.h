// Where clients connect: listen.address and each [[listener]], an address each. Start-up code.
#pragma once

#include <vector>

#include "proxy/config/config.h"
#include "proxy/config/file.h"

namespace sheaf {

// Appends the listeners of listen.address to the configuration. `origin`: of listen.address.
void AddListenAddresses(const Origin& origin, Configuration& configuration);

// Appends the listeners of a [[listener]], with what the section leaves out as [listen] has it now. What is wrong is
// appended to `problems`.
void AddListenerSection(const FileSection& section, Configuration& configuration, std::vector<FileProblem>& problems);

}  // namespace sheaf
