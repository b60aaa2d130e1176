#include "proxy/descriptor_limit.h"

#include <sys/resource.h>

#include <filesystem>
#include <string>
#include <system_error>

#include "proxy/plan/admission.h"

namespace sheaf {
namespace {

uint64_t RaisedLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

// With those that were inherited, and the one that counts.
uint32_t OpenDescriptors() {
  std::error_code error;
  uint32_t count = 0;
  std::filesystem::directory_iterator entry("/proc/self/fd", error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) ++count;
  return count;
}

}  // namespace

Result<DescriptorLimit> TakeDescriptorLimit(uint32_t workers, uint32_t warm, uint32_t listeners) {
  const uint64_t limit = RaisedLimit();
  const uint64_t least =
      LeastDescriptors({.open = OpenDescriptors(), .workers = workers, .warm = warm, .listeners = listeners});
  if (limit >= least) return DescriptorLimit{limit, least};
  return Error{"the limit of open files is " + std::to_string(limit) + ", too low to serve anybody: " +
               std::to_string(workers) + (workers == 1 ? " worker and " : " workers and ") + std::to_string(warm) +
               " warm connections need at least " + std::to_string(least) +
               ", and two more for each client; raise the hard limit (ulimit -Hn, LimitNOFILE= of systemd, --ulimit "
               "nofile= of docker), or lower workers or pool.min_size"};
}

}  // namespace sheaf
