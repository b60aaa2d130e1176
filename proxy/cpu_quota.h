// How many worker threads the machine, or the container's CPU quota, has work for (`workers = auto`).
#pragma once

#include <cstdint>
#include <string>

namespace sheaf {

// The quota in CPUs of the cgroup this process is in (v2 cpu.max, v1 cpu.cfs_quota_us over
// cpu.cfs_period_us; the lowest of all ancestors), or 0 when there is none or it cannot be read. `cgroup_root`:
// /sys/fs/cgroup. `self`: the text of /proc/self/cgroup.
double CpuQuota(const std::string& cgroup_root, const std::string& self);

// The CPUs this process may run on, but no more than the quota.
double Cpus();
// Cpus(), rounded up; at least 1: as many workers as workers = "auto" means.
uint32_t AutoWorkers();

}  // namespace sheaf
