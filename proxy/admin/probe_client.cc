#include "proxy/admin/probe_client.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <string_view>
#include <system_error>

#include "proxy/net/address.h"

namespace sheaf {
namespace {

constexpr std::chrono::seconds kTimeLimit(3);
constexpr std::string_view kRequest = "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

using Deadline = std::chrono::steady_clock::time_point;

Error SystemError(const std::string& what) {
  // How SO_SNDTIMEO and SO_RCVTIMEO tell that the time is over, in connect and elsewhere.
  const bool timed_out = errno == EINPROGRESS || errno == EAGAIN;
  return Error{what + ": " + (timed_out ? "no answer in time" : std::generic_category().message(errno))};
}

class Socket {
 public:
  explicit Socket(int family) : fd_(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  int fd() const { return fd_; }

  // What is left until the deadline becomes the time-out of the next call. False: nothing is left.
  bool LimitNextCall(Deadline deadline) const {
    const auto left = std::chrono::ceil<std::chrono::microseconds>(deadline - std::chrono::steady_clock::now()).count();
    // A time-out of zero would mean none.
    if (left <= 0) return false;
    const timeval time{.tv_sec = left / 1'000'000, .tv_usec = left % 1'000'000};
    return setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time)) == 0 &&
           setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time)) == 0;
  }

 private:
  int fd_;
};

// The first line of the answer, without its end.
Result<std::string> ReadStatusLine(const Socket& socket, Deadline deadline) {
  std::string text;
  std::array<char, 512> buffer{};
  while (text.find('\n') == std::string::npos && text.size() < 4096) {
    if (!socket.LimitNextCall(deadline)) return Error{"no answer in time"};
    const ssize_t count = recv(socket.fd(), buffer.data(), buffer.size(), 0);
    if (count < 0) return SystemError("no answer");
    if (count == 0) break;
    text.append(buffer.data(), static_cast<size_t>(count));
  }
  return text.substr(0, text.find_first_of("\r\n"));
}

}  // namespace

Result<std::string> AskReadiness(const std::string& admin_address) {
  if (admin_address.empty()) return Error{"admin.address is empty: there is nobody to ask"};
  const Deadline deadline = std::chrono::steady_clock::now() + kTimeLimit;
  const std::string reachable = net::Reachable(admin_address);
  const Result<net::Address> address = net::Address::Resolve(reachable);
  if (!address.ok()) return Error{address.error()};
  const Socket socket(address.value().family());
  if (!socket.LimitNextCall(deadline)) return SystemError("no socket");
  if (connect(socket.fd(), address.value().data(), address.value().length()) != 0) {
    return SystemError("cannot connect to " + reachable);
  }
  if (send(socket.fd(), kRequest.data(), kRequest.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(kRequest.size())) {
    return SystemError("cannot ask " + reachable);
  }
  Result<std::string> line = ReadStatusLine(socket, deadline);
  if (line.ok() && !line.value().starts_with("HTTP/1.1 200 ")) return Error{"not ready: " + line.value()};
  return line;
}

}  // namespace sheaf
