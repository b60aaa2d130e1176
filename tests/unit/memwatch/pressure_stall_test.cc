// The trigger against files and a FIFO, and against the real kernel where it takes triggers.
#include "memwatch/pressure_stall.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/unit/memwatch/fake_root.h"

namespace sheaf::memwatch {
namespace {

const std::string kWritten = std::string(PressureStall::kTrigger) + '\0';

std::string TextOf(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

int PolledEvents(const PressureStall& stall, int milliseconds) {
  pollfd polled{stall.descriptor(), POLLPRI, 0};
  REQUIRE(poll(&polled, 1, milliseconds) >= 0);
  return polled.revents;
}

// A group of the real version 2 hierarchy, under a root in which it is the process's own.
class RealGroup {
 public:
  RealGroup() {
    for (const std::string mount : {"/sys/fs/cgroup/unified", "/sys/fs/cgroup"}) {
      group_ = mount + "/sheaf-psi-test-" + std::to_string(getpid());
      if (!std::filesystem::exists(mount + "/cgroup.controllers")) continue;
      if (mkdir(group_.c_str(), 0755) != 0) continue;
      root_.MakeFolder("/sys/fs");
      std::filesystem::create_directory_symlink(mount, root_.path() + "/sys/fs/cgroup");
      root_.Write("/proc/self/cgroup", "0::/" + std::filesystem::path(group_).filename().string() + "\n");
      made_ = true;
      return;
    }
  }
  RealGroup(const RealGroup&) = delete;
  RealGroup& operator=(const RealGroup&) = delete;
  ~RealGroup() { Remove(); }

  bool made() const { return made_; }
  const std::string& root() const { return root_.path(); }
  void Remove() const { rmdir(group_.c_str()); }

 private:
  FakeRoot root_;
  std::string group_;
  bool made_ = false;
};

}  // namespace

TEST_CASE("the trigger is set on the own version 2 group first, with the NUL that the kernel wants") {
  const FakeRoot root;
  root.Write("/proc/self/cgroup", "0::/pod/app\n");
  root.Write("/proc/pressure/memory", "");
  root.Write("/sys/fs/cgroup/pod/app/memory.pressure", "");
  const auto stall = PressureStall::Open(root.path());
  REQUIRE(stall);
  CHECK_EQ(stall->path(), root.path() + "/sys/fs/cgroup/pod/app/memory.pressure");
  CHECK_EQ(TextOf(stall->path()), kWritten);
  CHECK_EQ(TextOf(root.path() + "/proc/pressure/memory"), "");
}

TEST_CASE("where the group has no pressure file, or a version 1 group is all there is, the machine's is used") {
  for (const std::string self : {"0::/pod/app\n", "4:memory:/pod/app\n", ""}) {
    CAPTURE(self);
    const KeptLog log;
    const FakeRoot root;
    root.Write("/proc/self/cgroup", self);
    root.Write("/proc/pressure/memory", "");
    root.MakeFolder("/sys/fs/cgroup/pod/app");
    const auto stall = PressureStall::Open(root.path());
    REQUIRE(stall);
    CHECK_EQ(TextOf(root.path() + "/proc/pressure/memory"), kWritten);
    CHECK_EQ(log.Count(""), 0);
  }
}

TEST_CASE("where nothing takes the trigger, one line says that the interval is all there is, and why") {
  const KeptLog log;
  const FakeRoot root;
  root.Write("/proc/self/cgroup", "0::/app\n");
  root.MakeFolder("/sys/fs/cgroup/app/memory.pressure");
  CHECK_FALSE(PressureStall::Open(root.path()));
  CHECK_EQ(log.Count(""), 1);
  CHECK_EQ(log.Count("memory.pressure: Is a directory; "), 1);
  CHECK_EQ(log.Count("/proc/pressure/memory: No such file or directory"), 1);
}

TEST_CASE("a file that opens but refuses the trigger is given up, and its descriptor closed") {
  const KeptLog log;
  const FakeRoot root;
  root.MakeFolder("/proc/pressure");
  std::filesystem::create_symlink("/dev/full", root.path() + "/proc/pressure/memory");
  const int next = dup(0);
  close(next);
  CHECK_FALSE(PressureStall::Open(root.path()));
  CHECK_EQ(log.Count("/proc/pressure/memory: No space left on device"), 1);
  const int after = dup(0);
  close(after);
  CHECK_EQ(after, next);
}

TEST_CASE("a FIFO in the place of the file gets the trigger, and no event while nothing is urgent") {
  const FakeRoot root;
  root.MakeFolder("/proc/pressure");
  REQUIRE_EQ(mkfifo((root.path() + "/proc/pressure/memory").c_str(), 0600), 0);
  const auto stall = PressureStall::Open(root.path());
  REQUIRE(stall);
  CHECK_EQ(PolledEvents(*stall, 0), 0);
  std::array<char, 64> text;
  CHECK_EQ(read(stall->descriptor(), text.data(), text.size()), static_cast<ssize_t>(kWritten.size()));
  CHECK_EQ(std::string(text.data(), kWritten.size()), kWritten);
}

TEST_CASE("the real kernel takes the trigger and is silent while memory is plenty") {
  const KeptLog log;
  const auto stall = PressureStall::Open("");
  if (!stall) {
    MESSAGE("not tested: this kernel takes no memory pressure trigger from this process");
    CHECK_EQ(log.Count("the kernel takes no memory pressure trigger"), 1);
    return;
  }
  CHECK_EQ(PolledEvents(*stall, 50) & (POLLERR | POLLNVAL), 0);
}

TEST_CASE("when the group goes, the real kernel says that the source is gone") {
  const RealGroup group;
  const auto stall = group.made() ? PressureStall::Open(group.root()) : nullptr;
  if (!stall) {
    MESSAGE("not tested: no version 2 group with memory.pressure can be made here");
    return;
  }
  CHECK_EQ(PolledEvents(*stall, 0), 0);
  group.Remove();
  CHECK_NE(PolledEvents(*stall, 1000) & POLLERR, 0);
}

}  // namespace sheaf::memwatch
