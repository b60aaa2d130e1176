// How much memory the process may use and how much of it is used, from the kernel's files.
//
//   MemoryReader reader("", config.memory.limit);
//   const MemoryReading now = reader.Read();   // once a second
//   if (now.percent() > 80) ...
//
// What counts, in this order:
//
//   source               limit                                        used
//   kCgroupV2, kCgroupV1 the lowest limit of the own group and all    the working set of the group that has this limit
//                        its ancestors; the innermost of equal ones   (usage less inactive file pages; never below 0)
//   kProcess             no group has a limit: RSS + MemAvailable,    RSS
//                        what the process could still have
//
// A configured limit replaces the limit; used is then the working set of the own group if some group has a limit, else
// RSS. A configured limit cannot lift what the kernel enforces: above the groups' limit, or above the machine's memory,
// it is left out of account, with one warning in the log.
//
// Version 2 (cgroup-v2.rst): memory.current; memory.stat's inactive_file and sock; the lower of memory.max, beyond
// which the kernel kills, and memory.high, beyond which it slows the process down. Version 1 (cgroup-v1/memory.rst):
// memory.usage_in_bytes, memory.stat's total_inactive_file, memory.limit_in_bytes, memory.kmem.tcp.usage_in_bytes.
// Sockets are part of the working set in version 2, and beside it in version 1, where no limit of memory holds for
// them.
//
// What is not a plain number has a meaning, too. Oddities of one kind are logged once a file: at debug level where it
// is nothing unusual (*), else as a warning.
//
//   file                          holds                                   is taken for
//   a limit                       "max"*, a number above MemTotal*        no limit
//                                 (9223372036854771712 is one), missing*,
//                                 a negative number
//                                 0, empty, text, unreadable              the last good value; at first: no limit
//   usage                         missing, unreadable, empty, text,       the last good value; at first: the RSS of the
//                                 "max", negative, above MemTotal         process stands for the working set
//   memory.stat                   missing, unreadable, empty,             the last good values; at first 0: all cached
//                                 without the line, no number on it       files count as used
//   memory.kmem.tcp...            missing*, unreadable, no number         the last good value; at first 0
//   /proc/self/statm              the same                                the last good values; at first 0
//   /proc/meminfo MemTotal        the same                                the last good value; at first no limit is too
//   high /proc/meminfo MemAvailable    the same                                the last good value; at first there is
//   no limit to
//                                                                         measure against: limit and percent are 0
//
// So a file that fails for a moment never looks like an empty memory. Files are looked for at construction only: groups
// and controllers that come later are not seen, and neither is a move of the process to another group. Limits are read
// each time, because an in-place resize of a pod changes them.
//
// A reading is some ten preads (two to four a level of the hierarchy) into buffers on the stack. Owns the descriptors
// of its files. One thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "memwatch/memory_group.h"
#include "memwatch/sampled_file.h"

namespace sheaf::memwatch {

enum class MemorySource : uint8_t { kCgroupV2, kCgroupV1, kProcess };

// For logs and stats: cgroup_v2, cgroup_v1, process.
std::string_view Name(MemorySource source);

// What one look at memory saw. Sizes in bytes.
struct MemoryReading {
  uint64_t used = 0;
  uint64_t limit = 0;    // 0: not known
  uint64_t rss = 0;      // of the process
  uint64_t vms = 0;      // of the process
  uint64_t sockets = 0;  // of the group that `used` is of; 0 with kProcess
  MemorySource source = MemorySource::kProcess;

  // Used of limit; can be above 100. 0 where the limit is not known.
  double percent() const;
};

class MemoryReader {
 public:
  // `root`: where proc/ and sys/ are; "" in production, a folder of files in tests. `configured_limit`: memory.limit in
  // bytes; 0: none.
  MemoryReader(const std::string& root, uint64_t configured_limit);

  // From the next reading on.
  void SetLimit(uint64_t configured_limit) { configured_limit_ = configured_limit; }

  // The present state. Logs (info) at the first reading, and whenever another group or source counts, what is measured.
  MemoryReading Read();

 private:
  // What a reading is about: which group has the limit (nullptr: none), and whether the configured one replaces it.
  struct Basis {
    MemoryGroup* group = nullptr;
    uint64_t limit = kNoLimit;
    bool configured = false;
  };

  void ReadProcess();
  void ReadHost();
  Basis LowestLimit();
  Basis WithConfiguredLimit(Basis lowest);
  void LogBasis(const Basis& basis, const MemoryReading& reading);

  uint64_t configured_limit_;

  // Set at construction.
  const uint64_t page_size_;
  std::vector<MemoryGroup> groups_;  // with memory files, of one hierarchy, innermost first
  SampledFile statm_file_;
  SampledFile meminfo_file_;

  // The last good values.
  uint64_t rss_ = 0;
  uint64_t vms_ = 0;
  uint64_t mem_total_ = uint64_t{1} << 52;
  std::optional<uint64_t> mem_available_;

  std::optional<Basis> logged_;
  bool warned_ = false;
};

}  // namespace sheaf::memwatch
