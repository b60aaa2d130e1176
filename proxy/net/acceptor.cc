#include "proxy/net/acceptor.h"

#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "proxy/net/loop.h"

namespace sheaf::net {

namespace {

Error BindError(const char* what, const Address& address, int fd) {
  const int error = errno;
  if (fd >= 0) close(fd);
  std::string message = std::string(what) + " " + address.ToString() + ": " + std::generic_category().message(error);
  if (error == EADDRINUSE) message += "; another program listens there, choose another port or end that program";
  if (error == EACCES) message += "; ports below 1024 need a privilege, choose a higher one";
  return Error{message};
}

// A socket file outlives its program. It is in the way only if nobody answers on it. Any other file stays: connecting
// to one fails in the same way.
void RemoveStaleSocketFile(const Address& address) {
  const char* path = reinterpret_cast<const sockaddr_un*>(address.data())->sun_path;
  struct stat status {};
  if (lstat(path, &status) != 0 || !S_ISSOCK(status.st_mode)) return;
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return;
  if (connect(probe, address.data(), address.length()) != 0 && errno == ECONNREFUSED) unlink(path);
  close(probe);
}

Result<int> Bind(const Address& address, bool share) {
  if (address.is_unix()) RemoveStaleSocketFile(address);
  const int fd = socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return BindError("cannot make a socket for", address, fd);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  // A Unix socket has one listener; newer kernels refuse the option for it.
  if (share && !address.is_unix() && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0) {
    return BindError("cannot share", address, fd);
  }
  if (!address.is_unix()) {
    // Accepted sockets inherit these, which saves two system calls each.
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
  }
  if (address.family() == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
  if (bind(fd, address.data(), address.length()) != 0) return BindError("cannot bind to", address, fd);
  return fd;
}

}  // namespace

Result<int> Acceptor::Listen(const Address& address, int backlog, bool share) {
  Result<int> fd = Bind(address, share);
  if (fd.ok() && listen(fd.value(), backlog) != 0) return BindError("cannot listen on", address, fd.value());
  return fd;
}

Result<bool> Acceptor::CheckFree(const Address& address) {
  const Result<int> fd = Bind(address, false);
  if (!fd.ok()) return Error{fd.error()};
  close(fd.value());
  return true;
}

Acceptor::Acceptor(Loop& loop, int fd, AcceptorEvents& events, uint32_t keep_free)
    : loop_(loop), events_(events), fd_(fd), keep_free_(keep_free), retry_(*this) {
  event_ = event_new(loop.base(), fd, EV_READ | EV_PERSIST, &Acceptor::OnReadable, this);
  if (event_ != nullptr) event_add(event_, nullptr);
}

Acceptor::~Acceptor() {
  Stop();
}

void Acceptor::Stop() {
  if (fd_ < 0) return;
  loop_.CancelDeadline(retry_);
  if (event_ != nullptr) event_free(event_);
  event_ = nullptr;
  close(fd_);
  fd_ = -1;
}

void Acceptor::Pause() {
  if (paused_ || fd_ < 0) return;
  paused_ = true;
  event_del(event_);
}

void Acceptor::Resume() {
  if (!paused_ || fd_ < 0) return;
  paused_ = false;
  event_add(event_, nullptr);
}

void Acceptor::OnReadable(int, short, void* self) {
  static_cast<Acceptor*>(self)->AcceptSome();
}

// The kernel gives the lowest free number, so the number of a new descriptor tells how many are in use. The limit is
// asked for anew each tick, since it can be lowered from outside.
bool Acceptor::LeavesFree(int fd) {
  if (loop_.now() - limit_asked_at_ >= kTick) {
    limit_asked_at_ = loop_.now();
    rlimit limit{};
    limit_ = getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : UINT64_MAX;
  }
  return static_cast<uint64_t>(fd) + keep_free_ < limit_;
}

int Acceptor::AcceptSome() {
  int accepted = 0;
  while (accepted < most_ && !paused_ && fd_ >= 0) {
    sockaddr_storage peer{};
    socklen_t length = sizeof(peer);
    const int fd = accept4(fd_, reinterpret_cast<sockaddr*>(&peer), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0 && LeavesFree(fd)) {
      events_.OnAccepted(fd, Address(reinterpret_cast<const sockaddr*>(&peer), length));
      ++accepted;
      continue;
    }
    if (fd >= 0) {
      close(fd);
      PauseForDescriptors(EMFILE);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      PauseForDescriptors(errno);
    }
    break;  // EAGAIN: all taken; ECONNABORTED and its like: the next turn takes the rest
  }
  // The listening socket stays readable while somebody waits, so that a turn that took too few is followed by another.
  found_ = accepted == most_ ? found_ + 1 : 0;
  most_ = found_ < kCrowded ? (found_ == 0 ? 1 : most_) : std::min(2 * most_, kMaxAcceptsATurn);
  return accepted;
}

// The listening socket stays readable: without a pause the loop would spin on it.
void Acceptor::PauseForDescriptors(int error) {
  Pause();
  loop_.SetDeadline(retry_, kRetryAfter);
  events_.OnAcceptPaused(error);
}

void Acceptor::OnDeadline(Deadline& /*deadline*/) {
  Resume();
}

}  // namespace sheaf::net
