// What --version tells. Any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/build_info.h"

namespace sheaf {

// All that Sheaf is linked with or has compiled in, the system's own apart.
std::vector<Library> Libraries();

// `version`, then a line for the commit and for each library:
//
//   0.1.0
//   commit    8bc317294f1a
//   OpenSSL   3.0.17 (built with 3.0.16)
std::string VersionText(std::string_view version, std::string_view commit, const std::vector<Library>& libraries);

}  // namespace sheaf
