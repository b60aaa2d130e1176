// Sockets, epoll and the clock for the benchmark's backend and load generator. Both are single-threaded. They share no
// code with the proxy, so that the proxy is not measured with its own mistakes.
#pragma once

#include <netinet/in.h>
#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <string>
#include <utility>

namespace sheaf::bench {

// Owns a descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd() { Reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void Reset();

 private:
  int fd_ = -1;
};

// Nanoseconds of CLOCK_MONOTONIC, which all processes of a machine share: the backend stamps, the generator compares.
uint64_t NowNs();

// Ends the process with the message and errno's text: a benchmark that cannot be set up has nothing to report.
[[noreturn]] void Die(const std::string& message);

// "127.0.0.1:8000". Ends the process when it is not an IPv4 address and a port.
sockaddr_in ParseAddress(const std::string& text);

Fd Listen(const sockaddr_in& address);
// On a Unix socket, whose file is made anew.
Fd ListenUnix(const std::string& path);

// Starts a non-blocking connect from 127.0.0.<source>: several source addresses give a multiple of the 28,000 ports
// that one address has, which matters where thousands of connections a second are opened and closed.
Fd StartConnect(const sockaddr_in& to, uint8_t source);

void SetNoDelay(int fd);

class Pollable {
 public:
  virtual ~Pollable() = default;
  virtual void OnEvents(uint32_t events) = 0;
};

// Level-triggered epoll. A Pollable may be destroyed in its own OnEvents, or between two calls of Wait.
class Poller {
 public:
  Poller();
  void Add(int fd, uint32_t events, Pollable* target);
  void Modify(int fd, uint32_t events, Pollable* target);
  void Wait(int timeout_ms);

 private:
  Fd epoll_;
  std::array<epoll_event, 512> events_{};
};

}  // namespace sheaf::bench
