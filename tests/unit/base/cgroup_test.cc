// The groups of the process, found in a folder that looks like the root of a machine.
#include "proxy/base/cgroup.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace sheaf {
namespace {

class Root {
 public:
  Root() { std::filesystem::create_directories(path_ + kMounts); }
  Root(const Root&) = delete;
  Root& operator=(const Root&) = delete;
  ~Root() { std::filesystem::remove_all(path_); }

  void MakeGroup(const std::string& folder) const { std::filesystem::create_directories(path_ + kMounts + folder); }
  void MakeFile(const std::string& file) const { std::ofstream(path_ + kMounts + file) << "cpu memory\n"; }
  void SetSelf(const std::string& text) const {
    std::filesystem::create_directories(path_ + "/proc/self");
    std::ofstream(path_ + "/proc/self/cgroup") << text;
  }

  // Every folder found, as the part of its path below /sys/fs/cgroup, hierarchy by hierarchy.
  std::vector<std::string> Folders(const std::string& controller) const {
    std::vector<std::string> folders;
    const size_t prefix = path_.size() + std::string(kMounts).size();
    for (const CgroupHierarchy& hierarchy : OwnCgroups(path_, controller)) {
      folders.push_back(hierarchy.version == CgroupVersion::kV2 ? "v2" : "v1");
      for (const std::string& folder : hierarchy.folders) folders.push_back(folder.substr(prefix));
    }
    return folders;
  }

 private:
  static constexpr const char* kMounts = "/sys/fs/cgroup";
  const std::string path_ = "/tmp/sheaf-base-cgroup-test-" + std::to_string(getpid());
};

using Folders = std::vector<std::string>;

}  // namespace

TEST_CASE("the groups of version 2 come innermost first and end at the root of the mount") {
  Root root;
  root.MakeGroup("/kubepods/pod1/app");
  root.SetSelf("0::/kubepods/pod1/app\n");
  CHECK_EQ(root.Folders("memory"), Folders{"v2", "/kubepods/pod1/app", "/kubepods/pod1", "/kubepods", ""});
}

TEST_CASE("a process in the root group has that one group") {
  Root root;
  root.SetSelf("0::/\n");
  CHECK_EQ(root.Folders("memory"), Folders{"v2", ""});
}

TEST_CASE("a path of the host, unknown below the container's mount, means the mount's root") {
  Root root;
  root.MakeGroup("/memory/own-subgroup");
  root.SetSelf("4:memory:/docker/0123abcd\n0::/docker/0123abcd\n");
  CHECK_EQ(root.Folders("memory"), Folders{"v1", "/memory", "v2", ""});
}

TEST_CASE("a path that climbs out of the mount is not followed") {
  for (const std::string path : {"/..", "/../..", "/../sibling", "/a/../b", "relative", ""}) {
    CAPTURE(path);
    Root root;
    root.MakeGroup("/sibling");
    root.MakeGroup("/a");
    root.MakeGroup("/b");
    root.SetSelf("0::" + path + "\n");
    CHECK_EQ(root.Folders("memory"), Folders{"v2", ""});
  }
}

TEST_CASE("a group whose name only begins with two dots is followed") {
  Root root;
  root.MakeGroup("/..data");
  root.SetSelf("0::/..data\n");
  CHECK_EQ(root.Folders("memory"), Folders{"v2", "/..data", ""});
}

TEST_CASE("a version 1 controller has a hierarchy of its own, under the joint name or its own") {
  for (const std::string mount : {"/cpu,cpuacct", "/cpu"}) {
    CAPTURE(mount);
    Root root;
    root.MakeGroup(mount + "/docker/abc");
    root.SetSelf("12:memory:/\n4:cpu,cpuacct:/docker/abc\n");
    CHECK_EQ(root.Folders("cpu"), Folders{"v1", mount + "/docker/abc", mount + "/docker", mount});
  }
}

TEST_CASE("controllers whose names only resemble the wanted one, and named hierarchies, are left out") {
  Root root;
  root.MakeGroup("/cpuset");
  root.SetSelf("5:cpuset:/\n6:cpuacct:/\n1:name=cpu:/\n");
  CHECK_EQ(root.Folders("cpu"), Folders{});
}

TEST_CASE("on a hybrid machine version 2 is at /sys/fs/cgroup/unified") {
  Root root;
  root.MakeGroup("/unified/app");
  root.MakeGroup("/memory/app");
  root.SetSelf("4:memory:/app\n0::/app\n");
  CHECK_EQ(root.Folders("memory"), Folders{"v1", "/memory/app", "/memory", "v2", "/unified/app", "/unified"});
}

TEST_CASE("a group of version 2 that happens to be called unified is no mount") {
  Root root;
  root.MakeFile("/cgroup.controllers");
  root.MakeGroup("/unified");
  root.MakeGroup("/app");
  root.SetSelf("0::/app\n");
  CHECK_EQ(root.Folders("memory"), Folders{"v2", "/app", ""});
}

TEST_CASE("a group's name may have a colon") {
  Root root;
  root.MakeGroup("/a:b/c:d");
  root.SetSelf("0::/a:b/c:d\n");
  CHECK_EQ(root.Folders("memory"), Folders{"v2", "/a:b/c:d", "/a:b", ""});
}

TEST_CASE("what is no line of /proc/self/cgroup, and a missing file, is no hierarchy") {
  Root root;
  CHECK_EQ(root.Folders("memory"), Folders{});
  for (const std::string text : {"", "\n", "garbage\n", "0:\n", "\n\n4:memory\n"}) {
    CAPTURE(text);
    root.SetSelf(text);
    CHECK_EQ(root.Folders("memory"), Folders{});
  }
}

TEST_CASE("this machine's own groups are folders that exist") {
  for (const CgroupHierarchy& hierarchy : OwnCgroups("", "memory")) {
    for (const std::string& folder : hierarchy.folders) {
      CAPTURE(folder);
      if (std::filesystem::exists("/sys/fs/cgroup")) CHECK(std::filesystem::is_directory(folder));
    }
  }
}

}  // namespace sheaf
