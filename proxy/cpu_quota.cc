#include "proxy/cpu_quota.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <string_view>

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

// The lowest quota from `path` up to the root of its hierarchy.
uint32_t LowestUpwards(const std::string& root, std::string path, uint32_t (*quota_of)(const std::string&)) {
  uint32_t lowest = 0;
  for (;;) {
    const uint32_t quota = quota_of(root + path);
    if (quota != 0 && (lowest == 0 || quota < lowest)) lowest = quota;
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos || path == "/") return lowest;
    path.resize(slash);
  }
}

}  // namespace

uint32_t CpuQuota(const std::string& cgroup_root, const std::string& self) {
  std::istringstream lines(self);
  std::string line;
  uint32_t lowest = 0;
  while (std::getline(lines, line)) {
    // hierarchy-id:controllers:path; v2 has the id 0 and no controllers.
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    uint32_t quota = 0;
    if (controllers.empty()) {
      quota = LowestUpwards(cgroup_root, path, &QuotaV2);
    } else if (std::string(",").append(controllers).append(",").find(",cpu,") != std::string::npos) {
      quota = LowestUpwards(std::string(cgroup_root).append("/").append(controllers), path, &QuotaV1);
      if (quota == 0) quota = LowestUpwards(std::string(cgroup_root).append("/cpu"), path, &QuotaV1);
    }
    if (quota != 0 && (lowest == 0 || quota < lowest)) lowest = quota;
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
