#include "memwatch/pressure_stall.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include "proxy/base/cgroup.h"
#include "proxy/base/log.h"

namespace sheaf::memwatch {
namespace {

std::vector<std::string> Places(const std::string& root) {
  std::vector<std::string> places;
  for (const CgroupHierarchy& hierarchy : OwnCgroups(root, "memory")) {
    if (hierarchy.version == CgroupVersion::kV2) places.push_back(hierarchy.folders.front() + "/memory.pressure");
  }
  places.push_back(root + "/proc/pressure/memory");
  return places;
}

// The kernel takes the last byte for the end of the text, whatever it is.
bool WriteTrigger(int descriptor) {
  std::array<char, PressureStall::kTrigger.size() + 1> text{};
  PressureStall::kTrigger.copy(text.data(), PressureStall::kTrigger.size());
  return write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

// A descriptor with the trigger set, or -1 with errno.
int OpenWithTrigger(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0 || WriteTrigger(descriptor)) return descriptor;
  const int error = errno;
  close(descriptor);
  errno = error;
  return -1;
}

}  // namespace

std::unique_ptr<PressureStall> PressureStall::Open(const std::string& root) {
  std::string reasons;
  for (std::string& path : Places(root)) {
    const int descriptor = OpenWithTrigger(path);
    if (descriptor >= 0) return std::unique_ptr<PressureStall>(new PressureStall(std::move(path), descriptor));
    reasons.append(reasons.empty() ? "" : "; ")
        .append(path)
        .append(": ")
        .append(std::generic_category().message(errno));
  }
  Log(LogLevel::kInfo, "the kernel takes no memory pressure trigger: only memory.check_interval notices pressure",
      {{"reason", reasons}});
  return nullptr;
}

PressureStall::PressureStall(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}

PressureStall::~PressureStall() {
  close(descriptor_);
}

}  // namespace sheaf::memwatch
