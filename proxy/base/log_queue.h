// Between the threads that log and the reader of the log, who may be slow, hang or be gone: a bounded queue of lines,
// and a thread that alone waits for that reader.
//
//   LogQueue queue(WriteToStderr, TellOfDropped);
//   queue.Push(LogKind::kAccess, line);        // any thread; at once
//   bool all_written = queue.Close(1s);        // at the end
//
// Of what has no room, access lines are dropped first. Dropped lines are counted (CountDroppedLogLines), and told once
// in the log itself when the reader reads again. Lines of one thread keep their order, and none is ever cut.
#pragma once

#include <chrono>
#include <climits>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "proxy/base/log.h"

namespace sheaf {

class LogQueue {
 public:
  struct Limits {
    // Some 3,500 access lines, a busy second's: a reader that is further behind seldom catches up.
    size_t bytes = 1024 * 1024;
    // A quarter is kept for lines that an operator will want more than those of single requests.
    size_t access_bytes = 768 * 1024;
    // What a pipe takes whole, so that lines of another process that writes to it do not come in between.
    size_t write_bytes = PIPE_BUF;
    // Lines that come this soon after others wait for more: one write, and no wake-up, for all of them.
    std::chrono::milliseconds gather{5};
  };

  // Writes whole lines, each with its line feed; one call at a time, from the queue's thread. May block for as long as
  // the reader likes. False: they are lost.
  using Writer = std::function<bool(std::string_view lines)>;
  // The line that tells of so many dropped ones; empty: they are not told. From the queue's thread.
  using Teller = std::function<std::string(uint64_t dropped)>;

  LogQueue(Writer write, Teller tell) : LogQueue(std::move(write), std::move(tell), Limits()) {}
  LogQueue(Writer write, Teller tell, Limits limits);
  LogQueue(const LogQueue&) = delete;
  LogQueue& operator=(const LogQueue&) = delete;
  // Waits for the writer as long as it takes. A queue whose writer may hang is never destroyed.
  ~LogQueue();

  // `line`: without a line feed in it. Never blocks on the reader, never allocates.
  void Push(LogKind kind, std::string_view line);

  // Has what is queued written, and waits for that; the first call's patience is that of all. True: the thread has
  // ended, and nothing is written any more. False: it still waits for the reader. Lines pushed later are dropped.
  [[nodiscard]] bool Close(std::chrono::nanoseconds patience);

 private:
  using Lock = std::unique_lock<std::mutex>;

  // The queue's thread.
  void Run();
  bool WaitForLines(Lock& lock);
  void WriteTaken();
  // As many whole lines as one write may have; one at least.
  std::string_view NextWrite(std::string_view lines) const;
  void TellIfOver(Lock& lock);

  void Drop(uint64_t lines);

  const Writer write_;
  const Teller tell_;
  const Limits limits_;

  // Protected by mutex_. Both buffers have their full room from the start, and the kernel gives a page when it is used.
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable over_;
  std::string pending_;     // lines with their line feeds
  size_t queued_ = 0;       // bytes of pending_, and of taken_ as far as it is not written
  uint64_t untold_ = 0;     // dropped, in this spell
  int taken_in_spell_ = 0;  // buffers that the reader took since the spell began
  bool sleeping_ = false;   // the thread waits to be woken
  bool closing_ = false;
  bool ended_ = false;
  std::chrono::steady_clock::time_point close_by_;

  // The queue's thread only.
  std::string taken_;
  bool writes_succeed_ = true;

  std::thread thread_;  // the last member: it uses the others
};

}  // namespace sheaf
