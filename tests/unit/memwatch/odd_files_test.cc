// Files that are missing, unreadable, empty or absurd: the table in memory_reading.h, row by row.
#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "memwatch/memory_reading.h"
#include "tests/unit/memwatch/fake_root.h"

namespace sheaf::memwatch {
namespace {

constexpr const char* kGroup = "/sys/fs/cgroup/app/";
const uint64_t kRss = 100 * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));

class Machine : public FakeRoot {
 public:
  Machine() {
    Write("/proc/meminfo", "MemTotal: 1000000 kB\nMemAvailable: 500000 kB\n");
    Write("/proc/self/statm", "200 100 1 1 1 1 1\n");
    Write("/proc/self/cgroup", "0::/app\n");
    Set("memory.max", "8000000\n");
    Set("memory.current", "3000000\n");
    Set("memory.stat", "sock 7000\ninactive_file 1000000\n");
  }
  void Set(const std::string& file, const std::string& text) const { Write(kGroup + file, text); }
  void Remove(const std::string& file) const { std::filesystem::remove(path() + kGroup + file); }
  // Opening works, reading fails: root may read every file, so this stands for all that cannot be read.
  void MakeUnreadable(const std::string& file) const {
    Remove(file);
    MakeFolder(kGroup + file);
  }
};

// Neither a number nor a word that has a meaning.
const std::string kBroken[] = {"", "\n", "garbage\n", "12 apples\n"};

}  // namespace

TEST_CASE("a broken limit is none at first, and logged once") {
  for (const std::string& text : {std::string("0\n"), kBroken[0], kBroken[1], kBroken[2], kBroken[3]}) {
    CAPTURE(text);
    const KeptLog log;
    const Machine machine;
    machine.Set("memory.max", text);
    MemoryReader reader(machine.path(), 0);
    for (int i = 0; i < 3; ++i) CHECK_EQ(reader.Read().source, MemorySource::kProcess);
    CHECK_EQ(log.Warnings("memory.max"), 1);
    CHECK_EQ(log.Warnings("taken_for=no limit"), 1);
  }
}

TEST_CASE("a limit that breaks later keeps its last good value") {
  for (const std::string& text : {std::string("0\n"), kBroken[0], kBroken[1], kBroken[2], kBroken[3]}) {
    CAPTURE(text);
    const KeptLog log;
    const Machine machine;
    MemoryReader reader(machine.path(), 0);
    CHECK_EQ(reader.Read().limit, 8'000'000);
    machine.Set("memory.max", text);
    for (int i = 0; i < 3; ++i) CHECK_EQ(reader.Read().limit, 8'000'000);
    CHECK_EQ(log.Warnings("memory.max"), 1);
    CHECK_EQ(log.Warnings("taken_for=the last good value"), 1);
    machine.Set("memory.max", "max\n");
    CHECK_EQ(reader.Read().source, MemorySource::kProcess);
  }
}

TEST_CASE("usual ways of having no limit are logged once, at debug level") {
  const KeptLog log;
  const Machine machine;
  machine.Set("memory.max", "max\n");
  MemoryReader reader(machine.path(), 0);
  for (int i = 0; i < 3; ++i) reader.Read();
  CHECK_EQ(log.Count("memory.max found=max taken_for=no limit"), 1);
  CHECK_EQ(log.Count("memory.high found=no such file taken_for=no limit"), 1);
  machine.Set("memory.max", "9223372036854771712\n");
  for (int i = 0; i < 3; ++i) reader.Read();
  CHECK_EQ(log.Count("memory.max found=more than the machine has taken_for=no limit"), 1);
  CHECK_EQ(log.Warnings(""), 0);
}

TEST_CASE("a negative limit is none, and unusual") {
  const KeptLog log;
  const Machine machine;
  MemoryReader reader(machine.path(), 0);
  reader.Read();
  machine.Set("memory.max", "-1\n");
  CHECK_EQ(reader.Read().source, MemorySource::kProcess);
  CHECK_EQ(log.Warnings("memory.max"), 1);
}

TEST_CASE("an unreadable limit is none") {
  const KeptLog log;
  const Machine machine;
  machine.MakeUnreadable("memory.max");
  CHECK_EQ(MemoryReader(machine.path(), 0).Read().source, MemorySource::kProcess);
  CHECK_EQ(log.Warnings("memory.max found=it cannot be read"), 1);
}

TEST_CASE("while the usage could never be read, the resident memory stands for it") {
  for (const std::string text : {"", "\n", "garbage\n", "max\n", "-1\n", "9223372036854771712\n"}) {
    CAPTURE(text);
    const KeptLog log;
    const Machine machine;
    machine.Set("memory.current", text);
    MemoryReader reader(machine.path(), 0);
    for (int i = 0; i < 3; ++i) {
      const MemoryReading now = reader.Read();
      CHECK_EQ(now.used, now.rss);
      CHECK_EQ(now.limit, 8'000'000);
      CHECK(now.percent() > 0);
    }
    CHECK_EQ(log.Warnings("memory.current"), 1);
  }
  const Machine missing;
  missing.Remove("memory.current");
  CHECK_EQ(MemoryReader(missing.path(), 0).Read().used, kRss);
  const Machine unreadable;
  unreadable.MakeUnreadable("memory.current");
  CHECK_EQ(MemoryReader(unreadable.path(), 0).Read().used, kRss);
}

TEST_CASE("a usage that breaks later keeps its last good value") {
  for (const std::string text : {"", "\n", "garbage\n", "max\n", "-1\n", "9223372036854771712\n"}) {
    CAPTURE(text);
    const KeptLog log;
    const Machine machine;
    MemoryReader reader(machine.path(), 0);
    CHECK_EQ(reader.Read().used, 2'000'000);
    machine.Set("memory.current", text);
    for (int i = 0; i < 3; ++i) CHECK_EQ(reader.Read().used, 2'000'000);
    CHECK_EQ(log.Warnings("memory.current"), 1);
    machine.Set("memory.current", "5000000\n");
    CHECK_EQ(reader.Read().used, 4'000'000);
  }
}

TEST_CASE("a usage of 0 is what the kernel says of a group that a process has just come to") {
  const KeptLog log;
  const Machine machine;
  machine.Set("memory.current", "0\n");
  CHECK_EQ(MemoryReader(machine.path(), 0).Read().used, 0);
  CHECK_EQ(log.Warnings(""), 0);
}

TEST_CASE("without memory.stat all cached files count as used") {
  for (const std::string text : {"", "garbage\n", "inactive_file\nsock x\n", "inactive_file -1\nsock -1\n"}) {
    CAPTURE(text);
    const KeptLog log;
    const Machine machine;
    machine.Set("memory.stat", text);
    MemoryReader reader(machine.path(), 0);
    for (int i = 0; i < 3; ++i) {
      const MemoryReading now = reader.Read();
      CHECK_EQ(now.used, 3'000'000);
      CHECK_EQ(now.sockets, 0);
    }
    CHECK(log.Warnings("memory.stat") >= 1);
    CHECK(log.Warnings("memory.stat") <= 2);
  }
  const Machine missing;
  missing.Remove("memory.stat");
  CHECK_EQ(MemoryReader(missing.path(), 0).Read().used, 3'000'000);
  const Machine unreadable;
  unreadable.MakeUnreadable("memory.stat");
  CHECK_EQ(MemoryReader(unreadable.path(), 0).Read().used, 3'000'000);
}

TEST_CASE("a memory.stat that breaks later keeps its last good values, and the usage is still followed") {
  const Machine machine;
  MemoryReader reader(machine.path(), 0);
  reader.Read();
  machine.Set("memory.stat", "");
  machine.Set("memory.current", "6000000\n");
  const MemoryReading now = reader.Read();
  CHECK_EQ(now.used, 5'000'000);
  CHECK_EQ(now.sockets, 7000);
}

TEST_CASE("a broken statm keeps the last good values") {
  for (const std::string text : {"", "\n", "1\n", "x y z\n", "1 y\n", "x 1\n", "-1 -1 0\n"}) {
    CAPTURE(text);
    const KeptLog log;
    const Machine machine;
    MemoryReader reader(machine.path(), 0);
    const MemoryReading good = reader.Read();
    machine.Write("/proc/self/statm", text);
    reader.Read();
    const MemoryReading now = reader.Read();
    CHECK_EQ(now.rss, good.rss);
    CHECK_EQ(now.vms, good.vms);
    CHECK_EQ(log.Warnings("statm"), 1);
  }
}

TEST_CASE("a broken meminfo keeps the last good values") {
  const KeptLog log;
  const Machine machine;
  machine.Set("memory.max", "max\n");
  MemoryReader reader(machine.path(), 0);
  const MemoryReading good = reader.Read();
  for (const std::string text : {"", "garbage\n", "MemTotal: none\nMemAvailable: none\n", "MemTotal: 0 kB\n"}) {
    CAPTURE(text);
    machine.Write("/proc/meminfo", text);
    CHECK_EQ(reader.Read().limit, good.limit);
  }
  CHECK_EQ(log.Warnings("meminfo"), 2);
}

TEST_CASE("an empty root has neither limit nor percentage, and says so in a bounded number of lines") {
  const KeptLog log;
  const FakeRoot root;
  MemoryReader reader(root.path(), 0);
  for (int i = 0; i < 10; ++i) {
    const MemoryReading now = reader.Read();
    CHECK_EQ(now.limit, 0);
    CHECK_EQ(now.percent(), 0);
  }
  CHECK_EQ(log.Count(""), 3);
}

TEST_CASE("without meminfo a limit is still told from what version 1 says for none") {
  const Machine machine;
  std::filesystem::remove(machine.path() + "/proc/meminfo");
  MemoryReader reader(machine.path(), 0);
  CHECK_EQ(reader.Read().limit, 8'000'000);
  machine.Set("memory.max", "9223372036854771712\n");
  const MemoryReading now = reader.Read();
  CHECK_EQ(now.source, MemorySource::kProcess);
  CHECK_EQ(now.limit, 0);
}

}  // namespace sheaf::memwatch
