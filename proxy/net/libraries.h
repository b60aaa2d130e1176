// The libraries that only proxy/net sees. Any thread.
#pragma once

#include <vector>

#include "proxy/base/build_info.h"

namespace sheaf::net {

// libevent and OpenSSL.
std::vector<Library> Libraries();

}  // namespace sheaf::net
