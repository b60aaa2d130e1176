// The limit of open files, taken at start: every client is worth two descriptors, its own and that of its connection to
// the backend.
#pragma once

#include <cstdint>

#include "proxy/base/status.h"

namespace sheaf {

struct DescriptorLimit {
  uint64_t limit;  // RLIMIT_NOFILE
  uint64_t least;  // with which the configuration can serve one client
};

// Raises the soft limit to the hard one: the soft one is often a leftover from select(2). An error when that is too low
// to serve anybody. `warm`: connections to the backend that are kept. To be asked before anything is opened that
// LeastDescriptors counts.
Result<DescriptorLimit> TakeDescriptorLimit(uint32_t workers, uint32_t warm, uint32_t listeners);

}  // namespace sheaf
