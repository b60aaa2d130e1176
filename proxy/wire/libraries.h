// The libraries that only proxy/wire sees. Any thread.
#pragma once

#include <vector>

#include "proxy/base/build_info.h"

namespace sheaf::wire {

// zlib and llhttp. llhttp is compiled in.
std::vector<Library> Libraries();

}  // namespace sheaf::wire
