// memory.limit, and what it can and cannot replace.
#include <doctest/doctest.h>

#include <string>

#include "memwatch/memory_reading.h"
#include "tests/unit/memwatch/fake_root.h"

namespace sheaf::memwatch {
namespace {

// RSS is about 4 MiB, usage of the own group 3,000,000, of its parent 5,000,000, of which no page is inactive.
class Machine : public FakeRoot {
 public:
  Machine() {
    Write("/proc/meminfo", "MemTotal: 1000000 kB\nMemAvailable: 500000 kB\n");
    Write("/proc/self/statm", "4096 1024 1 1 1 1 1\n");
    Write("/proc/self/cgroup", "0::/pod/app\n");
    Write("/sys/fs/cgroup/pod/memory.current", "5000000\n");
    Write("/sys/fs/cgroup/pod/app/memory.current", "3000000\n");
  }
  void SetLimit(const std::string& group, const std::string& text) const {
    Write("/sys/fs/cgroup/pod" + group + "/memory.max", text);
  }
};

}  // namespace

TEST_CASE("a configured limit without a group's limit is a limit of the resident memory") {
  const Machine machine;
  const MemoryReading now = MemoryReader(machine.path(), 8'000'000).Read();
  CHECK_EQ(now.source, MemorySource::kProcess);
  CHECK_EQ(now.limit, 8'000'000);
  CHECK_EQ(now.used, now.rss);
}

TEST_CASE("a configured limit below the group's replaces it, and the own group is measured") {
  const KeptLog log;
  const Machine machine;
  machine.SetLimit("/app", "9000000\n");
  machine.SetLimit("", "8500000\n");
  const MemoryReading now = MemoryReader(machine.path(), 8'000'000).Read();
  CHECK_EQ(now.source, MemorySource::kCgroupV2);
  CHECK_EQ(now.limit, 8'000'000);
  CHECK_EQ(now.used, 3'000'000);
  CHECK_EQ(log.Count("limit_from=memory.limit"), 1);
  CHECK_EQ(log.Warnings("memory.limit"), 0);
}

TEST_CASE("a configured limit equal to the group's has its effect, without a warning") {
  const KeptLog log;
  const Machine machine;
  machine.SetLimit("/app", "8000000\n");
  CHECK_EQ(MemoryReader(machine.path(), 8'000'000).Read().limit, 8'000'000);
  CHECK_EQ(log.Warnings("memory.limit"), 0);
}

TEST_CASE("a configured limit cannot lift the group's, which is said once") {
  const KeptLog log;
  const Machine machine;
  machine.SetLimit("", "7000000\n");
  MemoryReader reader(machine.path(), 8'000'000);
  for (int i = 0; i < 3; ++i) {
    const MemoryReading now = reader.Read();
    CHECK_EQ(now.limit, 7'000'000);
    CHECK_EQ(now.used, 5'000'000);
  }
  CHECK_EQ(log.Warnings("memory.limit is above what the kernel allows, and has no effect memory_limit=8000000 "
                        "allowed=7000000 by=" +
                        machine.path() + "/sys/fs/cgroup/pod"),
           1);
  CHECK_EQ(log.Warnings("memory.limit"), 1);
}

TEST_CASE("a configured limit above the machine's memory has no effect, which is said once") {
  const KeptLog log;
  const Machine machine;
  MemoryReader reader(machine.path(), 8'000'000'000);
  const MemoryReading now = reader.Read();
  reader.Read();
  CHECK_EQ(now.source, MemorySource::kProcess);
  CHECK_EQ(now.limit, now.rss + 500'000 * 1024);
  CHECK_EQ(log.Warnings("memory.limit"), 1);
}

TEST_CASE("a group's limit that is lowered below the configured one takes its place, and gives it back") {
  const Machine machine;
  machine.SetLimit("/app", "9000000\n");
  MemoryReader reader(machine.path(), 8'000'000);
  CHECK_EQ(reader.Read().limit, 8'000'000);
  machine.SetLimit("/app", "6000000\n");
  CHECK_EQ(reader.Read().limit, 6'000'000);
  machine.SetLimit("/app", "9000000\n");
  CHECK_EQ(reader.Read().limit, 8'000'000);
}

}  // namespace sheaf::memwatch
