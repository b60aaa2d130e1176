// The CPU quota, read from a folder that looks like /sys/fs/cgroup.
#include "proxy/cpu_quota.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace sheaf {
namespace {

class CgroupFolder {
 public:
  CgroupFolder() { std::filesystem::create_directories(root_); }
  CgroupFolder(const CgroupFolder&) = delete;
  CgroupFolder& operator=(const CgroupFolder&) = delete;
  ~CgroupFolder() { std::filesystem::remove_all(root_); }

  const std::string& root() const { return root_; }

  void Write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = root_ + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  void WriteV1(const std::string& folder, const std::string& quota, const std::string& period = "100000") {
    Write(folder + "/cpu.cfs_quota_us", quota + "\n");
    Write(folder + "/cpu.cfs_period_us", period + "\n");
  }

 private:
  const std::string root_ = "/tmp/sheaf-cgroup-test-" + std::to_string(getpid());
};

}  // namespace

TEST_CASE("a version 2 quota is told in CPUs") {
  struct Row {
    std::string text;
    double cpus;
  };
  const Row rows[] = {{"200000 100000\n", 2},
                      {"150000 100000\n", 1.5},
                      {"100000 100000\n", 1},
                      {"10000 100000\n", 0.1},
                      {"100001 100000\n", 1.00001},
                      {"25000 50000\n", 0.5},
                      {"max 100000\n", 0},
                      {"", 0},
                      {"garbage\n", 0},
                      {"0 100000\n", 0},
                      {"-1 100000\n", 0},
                      {"200000 0\n", 0},
                      {"200000\n", 0}};
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CgroupFolder folder;
    folder.Write("/app/cpu.max", row.text);
    CHECK_EQ(CpuQuota(folder.root(), "0::/app\n"), row.cpus);
  }
}

TEST_CASE("the lowest quota of all ancestors counts") {
  CgroupFolder folder;
  folder.Write("/pods/pod1/cpu.max", "200000 100000\n");
  folder.Write("/pods/pod1/app/cpu.max", "max 100000\n");
  folder.Write("/pods/cpu.max", "800000 100000\n");
  CHECK_EQ(CpuQuota(folder.root(), "0::/pods/pod1/app\n"), 2);
  CHECK_EQ(CpuQuota(folder.root(), "0::/pods\n"), 8);
  CHECK_EQ(CpuQuota(folder.root(), "0::/elsewhere\n"), 0);
}

TEST_CASE("in a container that sees itself as the root, the root's quota counts") {
  CgroupFolder folder;
  folder.Write("/cpu.max", "300000 100000\n");
  CHECK_EQ(CpuQuota(folder.root(), "0::/\n"), 3);
  CHECK_EQ(CpuQuota(folder.root(), "0::/a/path/of/the/host\n"), 3);
}

TEST_CASE("a version 1 quota is read from the controller's own hierarchy, under each name it can have") {
  for (const std::string mount : {"/cpu,cpuacct", "/cpu"}) {
    CAPTURE(mount);
    CgroupFolder folder;
    folder.WriteV1(mount + "/docker/abc", "250000");
    CHECK_EQ(CpuQuota(folder.root(), "12:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n"), 2.5);
  }
  CgroupFolder alone;
  alone.WriteV1("/cpu/app", "100000", "50000");
  CHECK_EQ(CpuQuota(alone.root(), "4:cpu:/app\n"), 2);
}

TEST_CASE("a version 1 quota of -1 is none, and its ancestors count as well") {
  CgroupFolder folder;
  folder.WriteV1("/cpu/pods/app", "-1");
  CHECK_EQ(CpuQuota(folder.root(), "4:cpu:/pods/app\n"), 0);
  folder.WriteV1("/cpu/pods", "400000");
  CHECK_EQ(CpuQuota(folder.root(), "4:cpu:/pods/app\n"), 4);
}

TEST_CASE("controllers whose names only resemble cpu do not count") {
  CgroupFolder folder;
  folder.WriteV1("/cpuset/app", "100000");
  folder.WriteV1("/cpuacct/app", "100000");
  folder.WriteV1("/cpu/app", "100000");
  CHECK_EQ(CpuQuota(folder.root(), "5:cpuset:/app\n6:cpuacct:/app\n"), 0);
}

TEST_CASE("where both versions are mounted the lower quota counts") {
  CgroupFolder folder;
  folder.WriteV1("/cpu/app", "400000");
  folder.Write("/app/cpu.max", "200000 100000\n");
  CHECK_EQ(CpuQuota(folder.root(), "4:cpu:/app\n0::/app\n"), 2);
}

TEST_CASE("what cannot be read is no quota") {
  for (const std::string self : {"", "\n", "garbage\n", "0:\n", "0::\n", "::::\n", "0::/app"}) {
    CAPTURE(self);
    CHECK_EQ(CpuQuota("/nonexistent", self), 0);
  }
}

TEST_CASE("a part of a CPU has work for one worker") {
  CHECK(Cpus() > 0);
  CHECK(AutoWorkers() >= Cpus());
  CHECK(AutoWorkers() < Cpus() + 1);
}

TEST_CASE("there is always at least one worker, and no more than the machine has CPUs") {
  CHECK(AutoWorkers() >= 1);
  CHECK(AutoWorkers() <= static_cast<uint32_t>(sysconf(_SC_NPROCESSORS_ONLN)));
}

}  // namespace sheaf
