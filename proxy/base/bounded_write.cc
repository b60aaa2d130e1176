#include "proxy/base/bounded_write.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace sheaf {
namespace {

using std::chrono::steady_clock;

// False: not before `until`.
bool WaitUntilWritable(int fd, steady_clock::time_point until) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - steady_clock::now()).count();
    pollfd waiting{.fd = fd, .events = POLLOUT, .revents = 0};
    const int ready = poll(&waiting, 1, static_cast<int>(std::clamp<int64_t>(left, 0, INT_MAX)));
    if (ready >= 0 || errno != EINTR) return ready > 0;
  }
}

}  // namespace

bool WriteUntil(int fd, std::string_view bytes, steady_clock::time_point until) {
  while (!bytes.empty()) {
    if (!WaitUntilWritable(fd, until)) return false;
    // A descriptor that poll calls writable takes this much without blocking; of more it may wait for room.
    const ssize_t written = write(fd, bytes.data(), std::min<size_t>(bytes.size(), PIPE_BUF));
    if (written >= 0) {
      bytes.remove_prefix(static_cast<size_t>(written));
    } else if (errno != EAGAIN && errno != EINTR) {
      return false;
    }
  }
  return true;
}

}  // namespace sheaf
