// One control group's memory: its limit, its working set, its sockets. What each odd file means is in memory_reading.h.
//
// The facts are the kernel's Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst. Working set is the usage
// less the inactive file pages, which the kernel takes back before it kills anything (what kubelet calls working set).
//
// Bytes. Owns its descriptors, at most five; move-only; one thread at a time; reading allocates nothing.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "memwatch/sampled_file.h"
#include "proxy/base/cgroup.h"

namespace sheaf::memwatch {

inline constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();

class MemoryGroup {
 public:
  struct Usage {
    uint64_t working_set = 0;
    uint64_t sockets = 0;
  };

  // Opens the files of the group; HasFiles() says whether there are any.
  MemoryGroup(std::string folder, CgroupVersion version);

  // False in a group for which the controller is not switched on, and in the root of version 2.
  bool HasFiles() const;

  const std::string& folder() const { return folder_; }
  CgroupVersion version() const { return version_; }

  // The limit in force now, kNoLimit if there is none. `mem_total`: the machine's memory.
  uint64_t ReadLimit(uint64_t mem_total);

  // nullopt if the usage could never be read.
  std::optional<Usage> ReadUsage(uint64_t mem_total);

 private:
  struct LimitFile {
    SampledFile file;
    uint64_t last = kNoLimit;  // the last good value
  };

  static uint64_t ReadLimit(LimitFile& limit, uint64_t mem_total);
  std::optional<uint64_t> ReadCurrent(uint64_t mem_total);
  void ReadStat();
  void ReadTcp();

  // Set at construction.
  const std::string folder_;
  const CgroupVersion version_;
  SampledFile current_file_;
  SampledFile stat_file_;
  LimitFile max_;
  // The last of version 2: memory.high; of version 1: memory.kmem.tcp.usage_in_bytes.
  std::optional<LimitFile> high_;
  std::optional<SampledFile> tcp_file_;

  // The last good values.
  std::optional<uint64_t> current_;
  uint64_t inactive_file_ = 0;
  uint64_t sockets_ = 0;
};

}  // namespace sheaf::memwatch
