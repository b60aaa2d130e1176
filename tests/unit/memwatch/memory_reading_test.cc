// What the process may use and uses, read from a folder that looks like the root of a machine.
#include "memwatch/memory_reading.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "tests/unit/memwatch/fake_root.h"

namespace sheaf::memwatch {
namespace {

constexpr uint64_t kMiB = 1 << 20;

std::string Bytes(uint64_t mebibytes) {
  return std::to_string(mebibytes * kMiB) + "\n";
}

// A machine of 16 GiB, 8 GiB of them available, and a process of 100 MiB (RSS) and 1 GiB (VMS).
class Machine : public FakeRoot {
 public:
  Machine() {
    const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    SetPages(1024 * kMiB / page, 100 * kMiB / page);
    SetMeminfo("MemTotal:       16777216 kB\nMemFree:  1 kB\nMemAvailable:    8388608 kB\n");
  }
  void SetSelf(const std::string& text) const { Write("/proc/self/cgroup", text); }
  void SetMeminfo(const std::string& text) const { Write("/proc/meminfo", text); }
  void SetPages(uint64_t size, uint64_t resident) const {
    Write("/proc/self/statm", std::to_string(size) + " " + std::to_string(resident) + " 419 391 0 123 0\n");
  }
};

class MachineV2 : public Machine {
 public:
  MachineV2() {
    SetSelf("0::/pod/app\n");
    Set("", "cgroup.controllers", "memory\n");
    Make("/pod/app", 60, "max\n");
    Make("/pod", 90, "max\n");
  }
  void Make(const std::string& group, uint64_t mebibytes, const std::string& max) const {
    Set(group, "memory.current", Bytes(mebibytes));
    Set(group, "memory.max", max);
    Set(group, "memory.high", "max\n");
    Set(group, "memory.stat", "anon 1\nfile 2\nsock 4096\ninactive_anon 7\ninactive_file 10485760\nactive_file 9\n");
  }
  void Set(const std::string& group, const std::string& file, const std::string& text) const {
    Write("/sys/fs/cgroup" + group + "/" + file, text);
  }
};

class MachineV1 : public Machine {
 public:
  MachineV1() {
    SetSelf("9:name=systemd:/\n4:memory:/pod/app\n1:cpu:/pod/app\n0::/\n");
    MakeFolder("/sys/fs/cgroup/unified");
    Make("/pod/app", 60, kUnlimited);
    Make("/pod", 90, kUnlimited);
    Make("", 4000, kUnlimited);
  }
  void Make(const std::string& group, uint64_t mebibytes, const std::string& limit) const {
    Set(group, "memory.usage_in_bytes", Bytes(mebibytes));
    Set(group, "memory.limit_in_bytes", limit);
    Set(group, "memory.stat", "inactive_file 1\ntotal_inactive_anon 3\ntotal_inactive_file 10485760\n");
  }
  void Set(const std::string& group, const std::string& file, const std::string& text) const {
    Write("/sys/fs/cgroup/memory" + group + "/" + file, text);
  }

  static constexpr const char* kUnlimited = "9223372036854771712\n";
};

}  // namespace

TEST_CASE("without any limit the process is measured against what it could still have") {
  const Machine machine;
  MemoryReader reader(machine.path(), 0);
  const MemoryReading now = reader.Read();
  CHECK_EQ(now.source, MemorySource::kProcess);
  CHECK_EQ(now.used, 100 * kMiB);
  CHECK_EQ(now.limit, (100 + 8192) * kMiB);
  CHECK_EQ(now.rss, 100 * kMiB);
  CHECK_EQ(now.vms, 1024 * kMiB);
  CHECK_EQ(now.sockets, 0);
  CHECK_EQ(now.percent(), doctest::Approx(100.0 * 100 / 8292));
}

TEST_CASE("a version 2 group is measured by its working set, and its sockets are told") {
  const MachineV2 machine;
  machine.Set("/pod/app", "memory.max", Bytes(200));
  MemoryReader reader(machine.path(), 0);
  const MemoryReading now = reader.Read();
  CHECK_EQ(now.source, MemorySource::kCgroupV2);
  CHECK_EQ(now.limit, 200 * kMiB);
  CHECK_EQ(now.used, 50 * kMiB);
  CHECK_EQ(now.sockets, 4096);
  CHECK_EQ(now.rss, 100 * kMiB);
  CHECK_EQ(now.percent(), doctest::Approx(25));
}

TEST_CASE("the lower of memory.max and memory.high is the limit") {
  const MachineV2 machine;
  machine.Set("/pod/app", "memory.max", Bytes(200));
  machine.Set("/pod/app", "memory.high", Bytes(180));
  CHECK_EQ(MemoryReader(machine.path(), 0).Read().limit, 180 * kMiB);
  machine.Set("/pod/app", "memory.max", Bytes(150));
  CHECK_EQ(MemoryReader(machine.path(), 0).Read().limit, 150 * kMiB);
  machine.Set("/pod/app", "memory.max", "max\n");
  CHECK_EQ(MemoryReader(machine.path(), 0).Read().limit, 180 * kMiB);
}

TEST_CASE("an ancestor's lower limit counts, with that ancestor's working set") {
  const MachineV2 machine;
  machine.Set("/pod/app", "memory.max", Bytes(200));
  machine.Set("/pod", "memory.max", Bytes(160));
  MemoryReader reader(machine.path(), 0);
  const MemoryReading now = reader.Read();
  CHECK_EQ(now.limit, 160 * kMiB);
  CHECK_EQ(now.used, 80 * kMiB);
}

TEST_CASE("of equal limits the innermost counts") {
  const MachineV2 machine;
  machine.Set("/pod/app", "memory.max", Bytes(200));
  machine.Set("/pod", "memory.high", Bytes(200));
  CHECK_EQ(MemoryReader(machine.path(), 0).Read().used, 50 * kMiB);
}

TEST_CASE("a group without the controller is passed over, and its ancestor's limit counts") {
  const MachineV2 machine;
  machine.SetSelf("0::/pod/app/worker\n");
  machine.MakeFolder("/sys/fs/cgroup/pod/app/worker");
  machine.Set("/pod/app", "memory.max", Bytes(200));
  CHECK_EQ(MemoryReader(machine.path(), 0).Read().used, 50 * kMiB);
}

TEST_CASE("in a container without a cgroup namespace the mount's root is the own group") {
  const MachineV2 machine;
  machine.SetSelf("0::/system.slice/docker-0123.scope\n");
  machine.Make("", 60, Bytes(100));
  CHECK_EQ(MemoryReader(machine.path(), 0).Read().percent(), doctest::Approx(50));
}

TEST_CASE("a version 1 group is measured likewise, with the whole hierarchy's inactive files") {
  const MachineV1 machine;
  machine.Set("/pod/app", "memory.limit_in_bytes", Bytes(200));
  machine.Set("/pod/app", "memory.kmem.tcp.usage_in_bytes", "8192\n");
  const MemoryReading now = MemoryReader(machine.path(), 0).Read();
  CHECK_EQ(now.source, MemorySource::kCgroupV1);
  CHECK_EQ(now.limit, 200 * kMiB);
  CHECK_EQ(now.used, 50 * kMiB);
  CHECK_EQ(now.sockets, 8192);
  machine.Set("/pod", "memory.limit_in_bytes", Bytes(100));
  CHECK_EQ(MemoryReader(machine.path(), 0).Read().used, 80 * kMiB);
}

TEST_CASE("a version 1 group needs no socket accounting") {
  const MachineV1 machine;
  machine.Set("/pod/app", "memory.limit_in_bytes", Bytes(200));
  CHECK_EQ(MemoryReader(machine.path(), 0).Read().sockets, 0);
}

TEST_CASE("a hybrid machine's memory controller may be in version 2 under unified") {
  const Machine machine;
  machine.SetSelf("1:cpu:/app\n0::/app\n");
  machine.Write("/sys/fs/cgroup/unified/app/memory.max", Bytes(200));
  machine.Write("/sys/fs/cgroup/unified/app/memory.current", Bytes(50));
  const MemoryReading now = MemoryReader(machine.path(), 0).Read();
  CHECK_EQ(now.source, MemorySource::kCgroupV2);
  CHECK_EQ(now.percent(), doctest::Approx(25));
}

TEST_CASE("a limit above the machine's memory is none, and one of exactly that much is one") {
  for (const std::string limit : {"17179869185\n", "9223372036854771712\n", "9223372036854775807\n",
                                  "18446744073709551615\n", "99999999999999999999999\n", "max\n", "max", "-1\n"}) {
    CAPTURE(limit);
    const MachineV1 v1;
    v1.Set("/pod/app", "memory.limit_in_bytes", limit);
    CHECK_EQ(MemoryReader(v1.path(), 0).Read().source, MemorySource::kProcess);
    const MachineV2 v2;
    v2.Set("/pod/app", "memory.max", limit);
    CHECK_EQ(MemoryReader(v2.path(), 0).Read().source, MemorySource::kProcess);
  }
  const MachineV2 machine;
  machine.Set("/pod/app", "memory.max", Bytes(16384));
  CHECK_EQ(MemoryReader(machine.path(), 0).Read().limit, 16384 * kMiB);
}

TEST_CASE("more inactive file pages than usage are a working set of nothing") {
  const MachineV2 machine;
  machine.Make("/pod/app", 9, Bytes(200));
  const MemoryReading now = MemoryReader(machine.path(), 0).Read();
  CHECK_EQ(now.used, 0);
  CHECK_EQ(now.limit, 200 * kMiB);
}

TEST_CASE("a usage over the limit is more than 100 percent") {
  const MachineV2 machine;
  machine.Set("/pod/app", "memory.high", Bytes(25));
  CHECK_EQ(MemoryReader(machine.path(), 0).Read().percent(), doctest::Approx(200));
}

TEST_CASE("what is measured is followed from reading to reading") {
  const MachineV2 machine;
  machine.Set("/pod/app", "memory.max", Bytes(200));
  MemoryReader reader(machine.path(), 0);
  CHECK_EQ(reader.Read().percent(), doctest::Approx(25));
  machine.Set("/pod/app", "memory.current", Bytes(110));
  CHECK_EQ(reader.Read().percent(), doctest::Approx(50));
  machine.Set("/pod/app", "memory.stat", "inactive_file 0\nsock 12288\n");
  CHECK_EQ(reader.Read().used, 110 * kMiB);
  CHECK_EQ(reader.Read().sockets, 12288);
  machine.SetPages(1000, 10);
  CHECK_EQ(reader.Read().rss, 10 * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)));
}

TEST_CASE("a limit that is resized, set or taken away at run time counts at once") {
  const MachineV2 machine;
  MemoryReader reader(machine.path(), 0);
  CHECK_EQ(reader.Read().source, MemorySource::kProcess);
  machine.Set("/pod/app", "memory.max", Bytes(200));
  CHECK_EQ(reader.Read().limit, 200 * kMiB);
  machine.Set("/pod/app", "memory.max", Bytes(400));
  CHECK_EQ(reader.Read().limit, 400 * kMiB);
  machine.Set("/pod", "memory.max", Bytes(300));
  CHECK_EQ(reader.Read().used, 80 * kMiB);
  machine.Set("/pod", "memory.max", "max\n");
  machine.Set("/pod/app", "memory.max", "max\n");
  CHECK_EQ(reader.Read().source, MemorySource::kProcess);
}

TEST_CASE("what is measured is logged when it changes, not at each reading") {
  const KeptLog log;
  const MachineV2 machine;
  MemoryReader reader(machine.path(), 0);
  for (int i = 0; i < 5; ++i) reader.Read();
  CHECK_EQ(log.Count("memory is measured source=process"), 1);
  machine.Set("/pod/app", "memory.max", Bytes(200));
  for (int i = 0; i < 5; ++i) reader.Read();
  CHECK_EQ(log.Count("memory is measured source=cgroup_v2"), 1);
  CHECK_EQ(log.Count("memory is measured"), 2);
}

TEST_CASE("reading opens no descriptor") {
  const MachineV2 machine;
  machine.Set("/pod/app", "memory.max", Bytes(200));
  MemoryReader reader(machine.path(), 0);
  reader.Read();
  const auto count = [] {
    size_t descriptors = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      if (!entry.path().empty()) ++descriptors;
    }
    return descriptors;
  };
  const size_t before = count();
  for (int i = 0; i < 100; ++i) reader.Read();
  CHECK_EQ(count(), before);
}

TEST_CASE("this machine's own memory can be read") {
  MemoryReader reader("", 0);
  const MemoryReading now = reader.Read();
  CHECK(now.rss > 0);
  CHECK(now.vms > now.rss);
  CHECK(now.used > 0);
  CHECK(now.limit > 0);
  CHECK(now.percent() > 0);
}

}  // namespace sheaf::memwatch
