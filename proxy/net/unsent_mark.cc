#include "proxy/net/unsent_mark.h"

#include <linux/sockios.h>
#include <linux/tcp.h>  // glibc's tcp_info has no delivery rate
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>

namespace sheaf::net {
namespace {

// The kernel tells of room when less than half of TCP_NOTSENT_LOWAT is unsent.
bool SetLowat(int fd, uint32_t mark) {
  const uint32_t lowat = 2 * mark;
  return setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &lowat, sizeof(lowat)) == 0;
}

size_t Unsent(int fd) {
  int bytes = 0;
  return ioctl(fd, SIOCOUTQNSD, &bytes) == 0 ? static_cast<size_t>(bytes) : 0;
}

// Whether there is none, and then the kernel remembers that somebody wants to be told of room.
bool AwaitRoom(int fd) {
  pollfd room{.fd = fd, .events = POLLOUT, .revents = 0};
  return poll(&room, 1, 0) == 0;
}

}  // namespace

std::unique_ptr<UnsentMark> UnsentMark::Set(int fd) {
  if (!SetLowat(fd, kStart)) return nullptr;
  return std::unique_ptr<UnsentMark>(new UnsentMark(TimePoint::min()));
}

uint32_t UnsentMark::For(uint64_t rate) {
  constexpr uint64_t kPerSecond = std::chrono::seconds(1) / kAhead;
  return static_cast<uint32_t>(std::clamp<uint64_t>(rate / kPerSecond, kLeast, kMost));
}

bool UnsentMark::Look(int fd, TimePoint now) {
  if (!IsReached(fd)) return false;
  if (now < rated_at_ + kBetweenRates) return true;
  rated_at_ = now;
  FollowRate(fd);
  return IsReached(fd);
}

bool UnsentMark::IsReached(int fd) {
  given_ = Unsent(fd);
  return given_ >= mark_ && AwaitRoom(fd);
}

// A rate that was limited by what there was to send says nothing: the answer to the handshake alone may have seemed to
// come at gigabytes a second.
void UnsentMark::FollowRate(int fd) {
  tcp_info info{};
  socklen_t size = sizeof(info);
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 || info.tcpi_delivery_rate_app_limited) return;
  const uint32_t mark = std::min(For(info.tcpi_delivery_rate), 2 * mark_);
  if (mark != mark_ && SetLowat(fd, mark)) mark_ = mark;
}

}  // namespace sheaf::net
