#include "tests/bench/processes.h"

#include <unistd.h>

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

namespace sheaf::bench {
namespace {

std::string ReadProc(pid_t pid, const char* name) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/" + name);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

uint64_t CpuTicks(pid_t pid) {
  const std::string stat = ReadProc(pid, "stat");
  // The second field is the program's name in parentheses, with any character in it.
  const size_t after_name = stat.rfind(')');
  if (after_name == std::string::npos) return 0;
  std::istringstream fields(stat.substr(after_name + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  uint64_t user = 0;
  uint64_t system = 0;
  fields >> user >> system;
  return user + system;
}

}  // namespace

uint64_t CpuMicroseconds(const std::vector<pid_t>& pids) {
  uint64_t ticks = 0;
  for (pid_t pid : pids) ticks += CpuTicks(pid);
  return ticks * 1'000'000 / static_cast<uint64_t>(sysconf(_SC_CLK_TCK));
}

uint64_t PssBytes(const std::vector<pid_t>& pids) {
  uint64_t kib = 0;
  for (pid_t pid : pids) {
    const std::string rollup = ReadProc(pid, "smaps_rollup");
    const size_t at = rollup.find("\nPss:");
    if (at != std::string::npos) kib += std::stoull(rollup.substr(at + 5));
  }
  return kib * 1024;
}

}  // namespace sheaf::bench
