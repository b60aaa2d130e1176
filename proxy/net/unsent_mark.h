// How much may lie unsent in the kernel for a TCP peer whose sender would rather think again about the rest: what the
// kernel has is beyond conflating and dropping, and gets old there. What has been sent and is on its way does not
// count.
//
// The mark follows the peer's delivery rate, as TCP knows it: it is what leaves within kAhead. So a fast peer never
// waits for us, and to a slow one little is promised. It at most doubles at a time, since what it waits for to look at
// the rate again is to reach it. While less than a mark was given to the kernel since it was last asked, it is not
// asked again: a fast peer costs one system call a mark.
//
// Owned by a Connection; one thread only.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "proxy/base/clock.h"

namespace sheaf::net {

class UnsentMark {
 public:
  static constexpr Duration kAhead = std::chrono::milliseconds(50);
  static constexpr uint32_t kStart = 8 * 1024;  // until the rate is known
  static constexpr uint32_t kLeast = 1024;      // until more is written, what is on its way keeps such a link busy
  static constexpr uint32_t kMost = 1024 * 1024;
  static constexpr size_t kSlowRecord = 4 * 1024;  // of TLS, to a peer that is known to be slow

  // nullptr where the kernel has no such mark: for a Unix socket.
  static std::unique_ptr<UnsentMark> Set(int fd);
  // What leaves within kAhead at so many bytes a second.
  static uint32_t For(uint64_t rate);

  // So many bytes more were given to the kernel: whether the mark is reached. If so, an edge-triggered wait for room to
  // write is told when it is not any more.
  [[nodiscard]] bool Reached(int fd, size_t given, TimePoint now) {
    given_ += given;
    return given_ >= mark_ && Look(fd, now);
  }
  // The same, asked of the kernel at once.
  [[nodiscard]] bool Look(int fd, TimePoint now);

  // The longest TLS record that the peer should get, since it can use no part of one: SIZE_MAX for one that is not
  // known to be slow.
  size_t record() const { return mark_ < kStart ? kSlowRecord : SIZE_MAX; }

 private:
  static constexpr Duration kBetweenRates = std::chrono::seconds(1);

  explicit UnsentMark(TimePoint rated_at) : rated_at_(rated_at) {}
  bool IsReached(int fd);
  void FollowRate(int fd);

  size_t given_ = 0;  // unsent at most, as far as is known
  TimePoint rated_at_;
  uint32_t mark_ = kStart;
};

}  // namespace sheaf::net
