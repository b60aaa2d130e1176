#include "proxy/cpu_quota.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

#include "proxy/base/cgroup.h"

namespace sheaf {
namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

uint32_t RoundedUp(double quota, double period) {
  return quota > 0 && period > 0 ? static_cast<uint32_t>(std::ceil(quota / period)) : 0;
}

uint32_t QuotaV2(const std::string& folder) {
  std::istringstream text(ReadFile(folder + "/cpu.max"));
  double quota = 0;
  double period = 0;
  return text >> quota >> period ? RoundedUp(quota, period) : 0;  // "max 100000" is no number
}

uint32_t QuotaV1(const std::string& folder) {
  std::istringstream quota_text(ReadFile(folder + "/cpu.cfs_quota_us"));
  std::istringstream period_text(ReadFile(folder + "/cpu.cfs_period_us"));
  double quota = 0;
  double period = 0;
  return quota_text >> quota && period_text >> period ? RoundedUp(quota, period) : 0;  // -1: none
}

}  // namespace

uint32_t CpuQuota(const std::string& cgroup_root, const std::string& self) {
  uint32_t lowest = 0;
  for (const CgroupHierarchy& hierarchy : FindCgroups(cgroup_root, self, "cpu")) {
    for (const std::string& folder : hierarchy.folders) {
      const uint32_t quota = hierarchy.version == CgroupVersion::kV2 ? QuotaV2(folder) : QuotaV1(folder);
      if (quota != 0 && (lowest == 0 || quota < lowest)) lowest = quota;
    }
  }
  return lowest;
}

uint32_t AutoWorkers() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  const int count = sched_getaffinity(0, sizeof(allowed), &allowed) == 0 ? CPU_COUNT(&allowed) : 1;
  const auto cpus = static_cast<uint32_t>(std::max(count, 1));
  const uint32_t quota = CpuQuota("/sys/fs/cgroup", ReadFile("/proc/self/cgroup"));
  return quota == 0 ? cpus : std::min(cpus, quota);
}

}  // namespace sheaf
