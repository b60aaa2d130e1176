// The service manager's end of sd_notify(3): a datagram socket.
#pragma once

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <string>

#include "proxy/base/log.h"

namespace sheaf {

// A manager that listens at an abstract name of this process.
class FakeManager {
 public:
  FakeManager() {
    SetLogLevel(LogLevel::kError);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    name_.copy(address.sun_path, name_.size());
    address.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name_.size());
    REQUIRE(bind(fd_, reinterpret_cast<const sockaddr*>(&address), length) == 0);
  }
  FakeManager(const FakeManager&) = delete;
  FakeManager& operator=(const FakeManager&) = delete;
  ~FakeManager() { close(fd_); }

  const std::string& name() const { return name_; }
  // The next datagram; empty: none is there.
  std::string Take() const {
    std::array<char, 1024> buffer{};
    const ssize_t size = recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    return size < 0 ? std::string() : std::string(buffer.data(), static_cast<size_t>(size));
  }

 private:
  const std::string name_ = "@sheaf-manager-test-" + std::to_string(getpid());
  const int fd_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
};

}  // namespace sheaf
