// Tells the service manager, systemd, in which stage the process is, by the datagrams of sd_notify(3).
//
//   ServiceManager manager(ServiceManager::Environment::Read(environ));
//   manager.Ready("serving");
//   manager.Reloading(now);  ...  manager.Ready("serving, generation 2");
//   manager.Stopping("draining");
//
// The protocol is a line of text in a datagram, and documented as stable; libsystemd would bring its own dependencies
// into the image for it.
//
// Owned by the Server; the main thread only. Without NOTIFY_SOCKET nothing here does anything.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <string>
#include <string_view>

#include "proxy/base/clock.h"

namespace sheaf {

class ServiceManager {
 public:
  // What the manager has told this process when it started it.
  struct Environment {
    std::string socket;   // NOTIFY_SOCKET: a path, or "@name" of an abstract one; empty: there is no manager
    Duration watchdog{};  // WATCHDOG_USEC, where WATCHDOG_PID is this process or unset; zero: none

    // `variables`: as environ, ended by a null pointer.
    static Environment Read(const char* const* variables);
  };

  explicit ServiceManager(const Environment& environment);
  ServiceManager(const ServiceManager&) = delete;
  ServiceManager& operator=(const ServiceManager&) = delete;
  ~ServiceManager();

  // Clients can connect, or a reload is over. `status`: what `systemctl status` shows; its first line counts.
  void Ready(std::string_view status) const;
  // A reload has begun; Ready ends it. `now`: of the monotonic clock, which tells the manager that it began after the
  // signal.
  void Reloading(TimePoint now) const;
  // The end has begun.
  void Stopping(std::string_view status) const;
  // All is well. Due within watchdog(), or the manager ends the process and starts another.
  void Alive() const;

  Duration watchdog() const { return watchdog_; }

 private:
  void Send(const std::string& text) const;

  Duration watchdog_;
  sockaddr_un address_{};
  socklen_t length_ = 0;
  int fd_ = -1;  // -1: there is nobody to tell
};

}  // namespace sheaf
