// What this program was made from. Any thread.
#pragma once

#include <string>
#include <string_view>

namespace sheaf {

// The commit, "8bc317294f1a": git's HEAD when the program was built, or what CMake's SHEAF_COMMIT names instead, where
// sources are built without their repository (an image). "unknown": neither.
std::string_view BuildCommit();

// A library that Sheaf is linked with. The two versions differ when the machine has another one than was built with.
struct Library {
  std::string name;
  std::string built;    // its headers
  std::string running;  // as it tells itself; empty: it does not
};

}  // namespace sheaf
