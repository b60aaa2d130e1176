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

double InCpus(double quota, double period) {
  return quota > 0 && period > 0 ? quota / period : 0;
}

double QuotaV2(const std::string& folder) {
  std::istringstream text(ReadFile(folder + "/cpu.max"));
  double quota = 0;
  double period = 0;
  return text >> quota >> period ? InCpus(quota, period) : 0;  // "max 100000" is no number
}

double QuotaV1(const std::string& folder) {
  std::istringstream quota_text(ReadFile(folder + "/cpu.cfs_quota_us"));
  std::istringstream period_text(ReadFile(folder + "/cpu.cfs_period_us"));
  double quota = 0;
  double period = 0;
  return quota_text >> quota && period_text >> period ? InCpus(quota, period) : 0;  // -1: none
}

}  // namespace

double CpuQuota(const std::string& cgroup_root, const std::string& self) {
  double lowest = 0;
  for (const CgroupHierarchy& hierarchy : FindCgroups(cgroup_root, self, "cpu")) {
    for (const std::string& folder : hierarchy.folders) {
      const double quota = hierarchy.version == CgroupVersion::kV2 ? QuotaV2(folder) : QuotaV1(folder);
      if (quota != 0 && (lowest == 0 || quota < lowest)) lowest = quota;
    }
  }
  return lowest;
}

double Cpus() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  const int count = sched_getaffinity(0, sizeof(allowed), &allowed) == 0 ? CPU_COUNT(&allowed) : 1;
  const double cpus = std::max(count, 1);
  const double quota = CpuQuota("/sys/fs/cgroup", ReadFile("/proc/self/cgroup"));
  return quota == 0 ? cpus : std::min(cpus, quota);
}

uint32_t AutoWorkers() {
  return static_cast<uint32_t>(std::ceil(Cpus()));
}

}  // namespace sheaf
