#include "proxy/base/build_info.h"

// Written by build_commit.cmake.
#include "proxy/base/build_commit.h"

namespace sheaf {

std::string_view BuildCommit() {
  return SHEAF_BUILD_COMMIT;
}

}  // namespace sheaf
