// A [[route]]: a path prefix, what holds under it, and the backend it goes to. Start-up code.
#pragma once

#include <vector>

#include "proxy/config/config.h"
#include "proxy/config/file.h"

namespace sheaf {

// Appends the route to the configuration, which has all backends by now, with what the section leaves out as the
// sections have it. What is wrong is appended to `problems`. False: its rules could not be read.
bool AddRouteSection(const FileSection& section, Configuration& configuration, std::vector<FileProblem>& problems);

// Appends the route of "/", unless there is one.
void AddRootRoute(Configuration& configuration);

}  // namespace sheaf
