// What the measured processes cost, as the kernel counts it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace sheaf::bench {

// User and system time of all the processes together, all their threads included, in microseconds. A process that has
// gone counts nothing. It comes from the processes' CPU clocks: /proc/PID/stat has the same sum, but in steps of 10 ms.
uint64_t CpuMicroseconds(const std::vector<pid_t>& pids);

// Proportional set size of all the processes together, in bytes: pages that they share count once.
uint64_t PssBytes(const std::vector<pid_t>& pids);
// The numbers that these files hold, added up; 0 for one that cannot be read.
uint64_t SumOfFiles(const std::vector<std::string>& paths);

}  // namespace sheaf::bench
