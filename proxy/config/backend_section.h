// Where routes lead: the backend of [upstream] and each [[backend]]. Start-up code.
#pragma once

#include <string_view>
#include <vector>

#include "proxy/config/config.h"
#include "proxy/config/file.h"

namespace sheaf {

// Appends the backend of [upstream] to the configuration.
void AddDefaultBackend(Configuration& configuration);

// Appends a [[backend]], with what the section leaves out as [upstream] and [pool] have it now. What is wrong is
// appended to `problems`; a faulty one is appended all the same, so that its routes find it, unless its name is missing
// or taken.
void AddBackendSection(const FileSection& section, Configuration& configuration, std::vector<FileProblem>& problems);

// Where a key of BackendRows() comes from; kDefault: it is inherited.
const Origin& OriginOfKey(const BackendOrigins& origins, std::string_view key);

// Whether any route leads to the backend of this name.
bool HasRoute(const Options& options, std::string_view backend);

}  // namespace sheaf
