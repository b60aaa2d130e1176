#include "proxy/control/service_manager.h"

#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <system_error>

#include "proxy/base/log.h"
#include "proxy/base/units.h"

namespace sheaf {
namespace {

// A manager whose queue is full is busy with others.
constexpr timeval kPatience{.tv_sec = 0, .tv_usec = 200'000};

// The value of the variable `name`; empty: it is not set.
std::string ValueOf(std::string_view name, const char* const* variables) {
  for (; *variables != nullptr; ++variables) {
    const std::string_view one = *variables;
    if (one.starts_with(name) && one.substr(name.size()).starts_with('='))
      return std::string(one.substr(name.size() + 1));
  }
  return {};
}

// A line end would begin another assignment.
std::string_view FirstLine(std::string_view text) {
  return text.substr(0, text.find('\n'));
}

}  // namespace

ServiceManager::Environment ServiceManager::Environment::Read(const char* const* variables) {
  Environment environment{.socket = ValueOf("NOTIFY_SOCKET", variables), .watchdog = {}};
  const std::string pid = ValueOf("WATCHDOG_PID", variables);
  const auto time = ParseNumber(ValueOf("WATCHDOG_USEC", variables));
  if (time && (pid.empty() || pid == std::to_string(getpid()))) {
    environment.watchdog = std::chrono::microseconds(*time);
  }
  return environment;
}

ServiceManager::ServiceManager(const Environment& environment) : watchdog_(environment.watchdog) {
  const std::string& name = environment.socket;
  if (name.empty()) return;
  if ((name.front() != '/' && name.front() != '@') || name.size() >= sizeof(address_.sun_path)) {
    Log(LogLevel::kWarning, "NOTIFY_SOCKET is no Unix socket: the service manager is told nothing", {{"socket", name}});
    return;
  }
  address_.sun_family = AF_UNIX;
  std::copy(name.begin(), name.end(), address_.sun_path);
  if (name.front() == '@') address_.sun_path[0] = '\0';
  length_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  fd_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd_ >= 0) setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof(kPatience));
}

ServiceManager::~ServiceManager() {
  if (fd_ >= 0) close(fd_);
}

void ServiceManager::Ready(std::string_view status) const {
  Send("READY=1\nSTATUS=" + std::string(FirstLine(status)));
}

void ServiceManager::Reloading(TimePoint now) const {
  const auto time = std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count();
  Send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(time));
}

void ServiceManager::Stopping(std::string_view status) const {
  Send("STOPPING=1\nSTATUS=" + std::string(FirstLine(status)));
}

void ServiceManager::Alive() const {
  Send("WATCHDOG=1");
}

void ServiceManager::Send(const std::string& text) const {
  if (fd_ < 0) return;
  const auto* const to = reinterpret_cast<const sockaddr*>(&address_);
  if (sendto(fd_, text.data(), text.size(), MSG_NOSIGNAL, to, length_) >= 0) return;
  Log(LogLevel::kWarning, "the service manager could not be told",
      {{"what", FirstLine(text)}, {"error", std::generic_category().message(errno)}});
}

}  // namespace sheaf
