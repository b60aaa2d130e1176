#include "proxy/net/acceptor.h"

#include <event2/event.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "proxy/net/loop.h"

namespace sheaf::net {

Result<int> Acceptor::Listen(const Address& address, int backlog, bool share) {
  const auto fail = [&address](const char* what, int fd) {
    const int error = errno;
    if (fd >= 0) close(fd);
    std::string message = std::string(what) + " " + address.ToString() + ": " + std::generic_category().message(error);
    if (error == EADDRINUSE) message += "; another program listens there, choose another port or end that program";
    if (error == EACCES) message += "; ports below 1024 need a privilege, choose a higher one";
    return Error{message};
  };
  const int fd = socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail("cannot make a socket for", fd);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  // A Unix socket has one listener; newer kernels refuse the option for it.
  if (share && !address.is_unix() && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0) {
    return fail("cannot share", fd);
  }
  if (address.family() == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
  if (bind(fd, address.data(), address.length()) != 0) return fail("cannot bind to", fd);
  if (listen(fd, backlog) != 0) return fail("cannot listen on", fd);
  return fd;
}

Acceptor::Acceptor(Loop& loop, int fd, AcceptorEvents& events) : loop_(loop), events_(events), fd_(fd), retry_(*this) {
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

void Acceptor::AcceptSome() {
  for (int i = 0; i < kMaxAcceptsATurn && !paused_ && fd_ >= 0; ++i) {
    sockaddr_storage peer{};
    socklen_t length = sizeof(peer);
    const int fd = accept4(fd_, reinterpret_cast<sockaddr*>(&peer), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      events_.OnAccepted(fd, Address(reinterpret_cast<const sockaddr*>(&peer), length));
      continue;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      // The listening socket stays readable: without a pause the loop would spin on it.
      const int error = errno;
      Pause();
      loop_.SetDeadline(retry_, kRetryAfter);
      events_.OnAcceptPaused(error);
    }
    return;  // EAGAIN: all taken; ECONNABORTED and its like: the next turn takes the rest
  }
}

void Acceptor::OnDeadline(Deadline& /*deadline*/) {
  Resume();
}

}  // namespace sheaf::net
