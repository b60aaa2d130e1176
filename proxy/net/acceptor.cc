#include "proxy/net/acceptor.h"

#include <event2/event.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "proxy/net/loop.h"

namespace sheaf::net {

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

Acceptor::Took Acceptor::AcceptOne() {
  sockaddr_storage peer{};
  socklen_t length = sizeof(peer);
  const int fd = accept4(fd_, reinterpret_cast<sockaddr*>(&peer), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0 && LeavesFree(fd)) {
    events_.OnAccepted(fd, Address(reinterpret_cast<const sockaddr*>(&peer), length));
    return Took::kOne;
  }
  if (fd >= 0) {
    close(fd);
    PauseForDescriptors(EMFILE);
  } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
    PauseForDescriptors(errno);
  } else if (errno == ECONNABORTED || errno == EINTR || errno == EPROTO) {
    return Took::kLost;
  }
  return Took::kNone;
}

int Acceptor::AcceptSome() {
  int accepted = 0;
  while (accepted < most_ && !paused_ && fd_ >= 0 && AcceptOne() == Took::kOne) ++accepted;
  // The listening socket stays readable while somebody waits, so that a turn that took too few is followed by another.
  found_ = accepted == most_ ? found_ + 1 : 0;
  most_ = found_ < kCrowded ? (found_ == 0 ? 1 : most_) : std::min(2 * most_, kMaxAcceptsATurn);
  return accepted;
}

void Acceptor::AcceptAll() {
  while (!paused_ && fd_ >= 0 && AcceptOne() != Took::kNone) {
  }
}

void Acceptor::SetBacklog(int backlog) {
  if (fd_ >= 0) listen(fd_, backlog);
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
