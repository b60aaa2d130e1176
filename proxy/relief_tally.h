// Waits for all workers to take a step of relief, and adds up what each gave back.
//
// Shared by the thread that waits and the work that it posted, which may run later than anybody waits for it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace sheaf {

class ReliefTally {
 public:
  explicit ReliefTally(size_t workers) : pending_(workers) {}

  // A worker is done. Any thread.
  void Add(uint64_t bytes) {
    {
      const std::lock_guard lock(mutex_);
      bytes_ += bytes;
      --pending_;
    }
    changed_.notify_one();
  }

  // The sum, once all are done; what there is of it when `patience` is over.
  uint64_t Wait(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, patience, [this] { return pending_ == 0; });
    return bytes_;
  }
  bool done() {
    const std::lock_guard lock(mutex_);
    return pending_ == 0;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t pending_;
  uint64_t bytes_ = 0;
};

}  // namespace sheaf
