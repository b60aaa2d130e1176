// The kernel's word that processes wait for memory: a pressure stall (PSI) trigger.
//
//   const std::unique_ptr<PressureStall> stall = PressureStall::Open("");   // nullptr: rely on the interval alone
//   pollfd polled{stall->descriptor(), POLLPRI, 0};
//   poll(&polled, 1, interval);
//   if (polled.revents & POLLERR) stall.reset();          // the source is gone: it would wake the poll forever
//   else if (polled.revents & POLLPRI) reader.Read();     // nothing is to be read from the descriptor itself
//
// An event means: within 2 s, some process of the group (or the machine) stood still for 150 ms in all because memory
// had to be reclaimed for it. An event comes at most once in 2 s, and says that it is time to look, not what will be
// seen.
//
// Only POLLPRI is to be asked for: the descriptor is always ready for reading. That also rules out libevent, whose
// events know no POLLPRI; a thread of its own polls it.
//
// The facts are the kernel's Documentation/accounting/psi.rst: without CAP_SYS_RESOURCE the window has to be a multiple
// of 2 s (older kernels take no trigger at all then); the trigger lives as long as its descriptor; removing the group
// gives POLLERR.
//
// Owns the descriptor. Opened once, polled by one thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace sheaf::memwatch {

class PressureStall {
 public:
  // 150 ms of stalls in a window of 2 s, in microseconds.
  static constexpr std::string_view kTrigger = "some 150000 2000000";

  // Sets the trigger on memory.pressure of the process's own version 2 group, which may be read-only in a container,
  // else on /proc/pressure/memory, which is of the whole machine. nullptr if neither takes it, with one log line (info)
  // that says why of each. `root`: "" in production, a folder of files in tests.
  static std::unique_ptr<PressureStall> Open(const std::string& root);

  PressureStall(const PressureStall&) = delete;
  PressureStall& operator=(const PressureStall&) = delete;
  ~PressureStall();

  int descriptor() const { return descriptor_; }
  const std::string& path() const { return path_; }

 private:
  PressureStall(std::string path, int descriptor);

  const std::string path_;
  const int descriptor_;
};

}  // namespace sheaf::memwatch
