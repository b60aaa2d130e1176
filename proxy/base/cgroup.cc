#include "proxy/base/cgroup.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

namespace sheaf {
namespace {

bool Exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

// One line of /proc/self/cgroup is hierarchy-id:controllers:path; version 2 has the id 0 and no controllers.
struct Line {
  std::string_view controllers;
  std::string_view path;
};

std::optional<Line> ParseLine(std::string_view text) {
  const size_t first = text.find(':');
  const size_t second = first == std::string_view::npos ? first : text.find(':', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  return Line{text.substr(first + 1, second - first - 1), text.substr(second + 1)};
}

bool Names(std::string_view controllers, std::string_view controller) {
  const std::string list = std::string(",").append(controllers).append(",");
  return list.find(std::string(",").append(controller).append(",")) != std::string::npos;
}

std::string MountV2(const std::string& mounts) {
  const std::string unified = mounts + "/unified";
  return !Exists(mounts + "/cgroup.controllers") && Exists(unified) ? unified : mounts;
}

std::string MountV1(const std::string& mounts, std::string_view controllers, std::string_view controller) {
  const std::string joint = std::string(mounts).append("/").append(controllers);
  return Exists(joint) ? joint : std::string(mounts).append("/").append(controller);
}

// Where a path with ".." would lead out of the mount, and one that is not there leads nowhere.
bool IsBelow(const std::string& mount, std::string_view path) {
  const bool climbs = std::string(path).append("/").find("/../") != std::string::npos;
  return path.starts_with('/') && !climbs && Exists(std::string(mount).append(path));
}

std::vector<std::string> FoldersUpwards(const std::string& mount, std::string_view path) {
  std::vector<std::string> folders;
  if (IsBelow(mount, path)) {
    for (; path.size() > 1; path = path.substr(0, path.rfind('/'))) {
      folders.push_back(std::string(mount).append(path));
    }
  }
  folders.push_back(mount);
  return folders;
}

}  // namespace

std::vector<CgroupHierarchy> FindCgroups(const std::string& mounts, std::string_view self,
                                         std::string_view controller) {
  std::vector<CgroupHierarchy> found;
  while (!self.empty()) {
    const size_t end = self.find('\n');
    const std::optional<Line> line = ParseLine(self.substr(0, end));
    self.remove_prefix(end == std::string_view::npos ? self.size() : end + 1);
    if (!line) continue;
    if (line->controllers.empty()) {
      found.push_back({CgroupVersion::kV2, FoldersUpwards(MountV2(mounts), line->path)});
    } else if (Names(line->controllers, controller)) {
      const std::string mount = MountV1(mounts, line->controllers, controller);
      found.push_back({CgroupVersion::kV1, FoldersUpwards(mount, line->path)});
    }
  }
  return found;
}

std::vector<CgroupHierarchy> OwnCgroups(const std::string& root, std::string_view controller) {
  std::ifstream file(root + "/proc/self/cgroup");
  const std::string self{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return FindCgroups(root + "/sys/fs/cgroup", self, controller);
}

}  // namespace sheaf
