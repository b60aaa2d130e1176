// A write that a hung reader cannot hold up for ever, for what must be said outside the log's thread.
#pragma once

#include <chrono>
#include <string_view>

namespace sheaf {

// Writes `bytes` to a pipe, socket, terminal or file that other processes may share, whose flags therefore stay as they
// are. Waits for the reader until `until`, or for `patience`, in all. False: the reader is gone, or did not take all of
// them. Any thread.
bool WriteUntil(int fd, std::string_view bytes, std::chrono::steady_clock::time_point until);
inline bool WriteWithin(int fd, std::string_view bytes, std::chrono::nanoseconds patience) {
  return WriteUntil(fd, bytes, std::chrono::steady_clock::now() + patience);
}

}  // namespace sheaf
