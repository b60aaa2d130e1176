// The thread that watches memory: it looks at memory.check_interval, and at once when the kernel reports a stall (PSI)
// or much more waits for somebody.
//
//   MemoryWatcher watcher(options.memory, "", metrics);
//   watcher.monitor().AddCallback(...);
//   watcher.Start();
//   ...
//   watcher.LookSoon();                   // any thread
//   watcher.Stop();                       // or destroy it
//
// Owned by the Server, which starts it after the workers and stops it before them.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "memwatch/memory_monitor.h"
#include "memwatch/memory_reading.h"
#include "memwatch/pressure_stall.h"
#include "proxy/base/clock.h"

namespace sheaf::memwatch {

class MemoryWatcher {
 public:
  // `root`: of the file system, "" for the real one. `metrics`: a block that nobody else writes to. Both references
  // outlive the watcher.
  MemoryWatcher(const Options::Memory& options, const std::string& root, WorkerMetrics& metrics);
  MemoryWatcher(const MemoryWatcher&) = delete;
  MemoryWatcher& operator=(const MemoryWatcher&) = delete;
  ~MemoryWatcher();

  // The monitor's callbacks and steps of relief run in the watcher's thread, or in the one that calls Start.
  MemoryMonitor& monitor() { return monitor_; }
  const MemoryMonitor& monitor() const { return monitor_; }

  // Has looked once when it returns, so that there is a reading from the start.
  void Start();
  void Stop();

  // Any thread. Looks at once, with these.
  void Adopt(const Options::Memory& options);

  // Any thread: the limit that is in force, in bytes.
  uint64_t limit() const { return static_cast<uint64_t>(metrics_.memory_limit_bytes.value()); }

  // Any thread, and cheap: asks for a look now instead of at the end of the interval. Many calls cause one look.
  void LookSoon();

 private:
  // Looks do not follow one another more closely, whoever asks.
  static constexpr Duration kLeastGap = std::chrono::milliseconds(2);

  void Run();
  // Until the next look is due.
  void Wait();
  void Wake();
  void TakeOptions();

  Duration interval_;
  WorkerMetrics& metrics_;
  MemoryReader reader_;
  MemoryMonitor monitor_;
  std::unique_ptr<PressureStall> stall_;  // nullptr: the kernel takes no trigger
  SteadyClock clock_;
  const int wake_fd_;
  std::atomic<bool> hinted_{false};
  std::mutex options_mutex_;
  std::optional<Options::Memory> next_options_;  // for the next look; under the mutex
  std::atomic<bool> stopped_{false};
  std::thread thread_;
};

}  // namespace sheaf::memwatch
