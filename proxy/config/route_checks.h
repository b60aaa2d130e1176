// What can be wrong with a [[route]] as a whole and with its path. Start-up code.
#pragma once

#include <string>
#include <vector>

#include "proxy/base/option_table.h"
#include "proxy/config/file.h"

namespace sheaf {

// What is wrong with the path, as a sentence; an empty string: nothing, and NormalizeRoutePath takes it.
std::string CheckRoutePath(const FileValue& value);

// What contradicts itself in one [[route]]. `route`: inherited values included; `section`: what it sets itself. Both
// are otherwise right.
std::vector<FileProblem> FindRouteContradictions(const Options& options, const RouteOptions& route,
                                                 const FileSection& section);

}  // namespace sheaf
