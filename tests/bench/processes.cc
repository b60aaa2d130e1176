#include "tests/bench/processes.h"

#include <time.h>

#include <fstream>
#include <iterator>

namespace sheaf::bench {

uint64_t CpuMicroseconds(const std::vector<pid_t>& pids) {
  uint64_t nanoseconds = 0;
  for (pid_t pid : pids) {
    clockid_t clock{};
    timespec used{};
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0) continue;
    nanoseconds += static_cast<uint64_t>(used.tv_sec) * 1'000'000'000U + static_cast<uint64_t>(used.tv_nsec);
  }
  return nanoseconds / 1000;
}

uint64_t PssBytes(const std::vector<pid_t>& pids) {
  uint64_t kib = 0;
  for (pid_t pid : pids) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/smaps_rollup");
    const std::string rollup{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    const size_t at = rollup.find("\nPss:");
    if (at != std::string::npos) kib += std::stoull(rollup.substr(at + 5));
  }
  return kib * 1024;
}

uint64_t SumOfFiles(const std::vector<std::string>& paths) {
  uint64_t sum = 0;
  for (const std::string& path : paths) {
    uint64_t number = 0;
    std::ifstream(path) >> number;
    sum += number;
  }
  return sum;
}

}  // namespace sheaf::bench
