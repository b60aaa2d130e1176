#include "tests/bench/socket.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <system_error>

namespace sheaf::bench {

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    Reset();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

void Fd::Reset() {
  if (fd_ >= 0) close(std::exchange(fd_, -1));
}

uint64_t NowNs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<uint64_t>(now.tv_nsec);
}

void Die(const std::string& message) {
  const std::string reason = std::generic_category().message(errno);
  std::fprintf(stderr, "bench: %s (%s)\n", message.c_str(), reason.c_str());
  std::_Exit(2);
}

sockaddr_in ParseAddress(const std::string& text) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  const size_t colon = text.find(':');
  uint16_t port = 0;
  const bool port_read = colon != std::string::npos &&
                         std::from_chars(text.data() + colon + 1, text.data() + text.size(), port).ec == std::errc();
  if (!port_read || inet_pton(AF_INET, text.substr(0, colon).c_str(), &address.sin_addr) != 1) {
    Die("not an address and a port: " + text);
  }
  address.sin_port = htons(port);
  return address;
}

Fd Listen(const sockaddr_in& address) {
  Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (!fd || bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(fd.get(), 4096) != 0) {
    Die("cannot listen");
  }
  return fd;
}

Fd ListenUnix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) Die("too long a path: " + path);
  path.copy(address.sun_path, path.size());
  unlink(path.c_str());
  Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd || bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(fd.get(), 4096) != 0) {
    Die("cannot listen on " + path);
  }
  return fd;
}

Fd StartConnect(const sockaddr_in& to, uint8_t source) {
  Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fd;
  const int on = 1;
  setsockopt(fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  sockaddr_in from{};
  from.sin_family = AF_INET;
  from.sin_addr.s_addr = htonl(0x7F000000U | source);
  const bool started =
      bind(fd.get(), reinterpret_cast<const sockaddr*>(&from), sizeof from) == 0 &&
      (connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0 || errno == EINPROGRESS);
  if (!started) return {};
  SetNoDelay(fd.get());
  return fd;
}

void SetNoDelay(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

Poller::Poller() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) Die("epoll_create1");
}

void Poller::Add(int fd, uint32_t events, Pollable* target) {
  epoll_event event{.events = events, .data = {.ptr = target}};
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) Die("epoll_ctl");
}

void Poller::Modify(int fd, uint32_t events, Pollable* target) {
  epoll_event event{.events = events, .data = {.ptr = target}};
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) != 0) Die("epoll_ctl");
}

void Poller::Wait(int timeout_ms) {
  const int count = epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()), timeout_ms);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events_[static_cast<size_t>(i)];
    static_cast<Pollable*>(event.data.ptr)->OnEvents(event.events);
  }
}

}  // namespace sheaf::bench
