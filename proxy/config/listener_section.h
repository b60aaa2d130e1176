// Where clients connect: listen.address and each [[listener]], an address each. Start-up code.
#pragma once

#include <vector>

#include "proxy/config/config.h"
#include "proxy/config/file.h"

namespace sheaf {

// Those of listen.address are appended to the configuration. `origin`: of listen.address.
void AddListenAddresses(const Origin& origin, Configuration& configuration);

// Those of a [[listener]] are, with what it leaves out as [listen] has it now. What is wrong is appended to `problems`.
void AddListenerSection(const FileSection& section, Configuration& configuration, std::vector<FileProblem>& problems);

}  // namespace sheaf
