// Where the kernel publishes the limits of this process: the folders of its control groups, innermost first.
//
//   for (const CgroupHierarchy& hierarchy : OwnCgroups("", "memory"))
//     for (const std::string& folder : hierarchy.folders) ... folder + "/memory.max" ...
//
// A hierarchy is looked for where systemd, Docker and Kubernetes mount it (cgroups(7)):
//
//   version 2   /sys/fs/cgroup if it has cgroup.controllers, else /sys/fs/cgroup/unified (hybrid), else /sys/fs/cgroup
//   version 1   /sys/fs/cgroup/<controllers as /proc/self/cgroup names them>, else /sys/fs/cgroup/<controller>
//
// Mounts elsewhere are not found: /proc/self/mountinfo names them, but a machine so old or so special is served by
// setting the limit in the conf file. The groups are those of the moment of the call: a process that is moved to
// another group later is not followed.
//
// A container without a cgroup namespace reads in /proc/self/cgroup a path of its host, which does not exist below its
// own mount; a process outside of its namespace's root reads a path with "..". In both cases the mount's root is the
// innermost group that can be seen, and the only one listed.
//
// Values; any thread. Nothing fails: what is not there or cannot be read is no hierarchy.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sheaf {

enum class CgroupVersion : uint8_t { kV1, kV2 };

struct CgroupHierarchy {
  CgroupVersion version;
  std::vector<std::string> folders;  // the own group first, the hierarchy's root last; never empty; no '/' at the end
};

// The hierarchies that may control `controller` ("memory", "cpu"), in the order of /proc/self/cgroup: those of version
// 1 that name it, and that of version 2 whether or not it has the controller (its files tell). `mounts`:
// /sys/fs/cgroup. `self`: the text of /proc/self/cgroup.
std::vector<CgroupHierarchy> FindCgroups(const std::string& mounts, std::string_view self, std::string_view controller);

// The same with both places below `root`: "" in production, a folder of files in tests.
std::vector<CgroupHierarchy> OwnCgroups(const std::string& root, std::string_view controller);

}  // namespace sheaf
