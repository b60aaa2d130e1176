// What this binary was built from. Any thread.
#pragma once

#include <string_view>

namespace sheaf {

// The commit of the source, shortened, with "-dirty" behind it when the tree had changes; "unknown" when it was built
// outside of a repository. A constant.
std::string_view BuildCommit();

}  // namespace sheaf
