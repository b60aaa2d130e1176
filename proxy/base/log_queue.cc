#include "proxy/base/log_queue.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <utility>

namespace sheaf {
namespace {

// A thread that no signal of the process is delivered to: they are for the main thread, which may not block them yet.
template <typename Body>
std::thread StartWithoutSignals(Body body) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::move(body));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace

LogQueue::LogQueue(Writer write, Teller tell, Limits limits)
    : write_(std::move(write)), tell_(std::move(tell)), limits_(limits) {
  pending_.reserve(limits_.bytes);
  taken_.reserve(limits_.bytes);
  thread_ = StartWithoutSignals([this] { Run(); });
}

LogQueue::~LogQueue() {
  if (!Close(std::chrono::nanoseconds::zero())) thread_.join();
}

void LogQueue::Push(LogKind kind, std::string_view line) {
  Lock lock(mutex_);
  const size_t limit = kind == LogKind::kAccess ? limits_.access_bytes : limits_.bytes;
  if (closing_ || queued_ + line.size() + 1 > limit) {
    Drop(1);
    return;
  }
  pending_.append(line).push_back('\n');
  queued_ += line.size() + 1;
  const bool wake = std::exchange(sleeping_, false);
  lock.unlock();
  if (wake) wake_.notify_one();
}

void LogQueue::Drop(uint64_t lines) {
  if (untold_ == 0) taken_in_spell_ = 0;
  untold_ += lines;
  CountDroppedLogLines(lines);
}

bool LogQueue::Close(std::chrono::nanoseconds patience) {
  Lock lock(mutex_);
  if (!std::exchange(closing_, true)) {
    close_by_ = std::chrono::steady_clock::now() + patience;
    wake_.notify_one();
  }
  if (!over_.wait_until(lock, close_by_, [this] { return ended_; })) return false;
  if (thread_.joinable()) thread_.join();
  return true;
}

void LogQueue::Run() {
  Lock lock(mutex_);
  while (WaitForLines(lock)) {
    pending_.swap(taken_);
    lock.unlock();
    WriteTaken();
    lock.lock();
    TellIfOver(lock);
    if (closing_) continue;
    lock.unlock();
    std::this_thread::sleep_for(limits_.gather);
    lock.lock();
  }
  ended_ = true;
  over_.notify_all();
}

// False: closing, and nothing is left.
bool LogQueue::WaitForLines(Lock& lock) {
  sleeping_ = true;
  wake_.wait(lock, [this] { return closing_ || !pending_.empty(); });
  sleeping_ = false;
  return !pending_.empty();
}

void LogQueue::WriteTaken() {
  for (std::string_view rest = taken_; !rest.empty();) {
    const std::string_view lines = NextWrite(rest);
    writes_succeed_ = write_(lines);
    rest.remove_prefix(lines.size());
    const Lock lock(mutex_);
    queued_ -= lines.size();
    if (!writes_succeed_) Drop(static_cast<uint64_t>(std::count(lines.begin(), lines.end(), '\n')));
  }
  taken_.clear();
}

std::string_view LogQueue::NextWrite(std::string_view lines) const {
  const size_t last = lines.substr(0, limits_.write_bytes).rfind('\n');
  const size_t end = last != std::string_view::npos ? last : lines.find('\n');
  return lines.substr(0, end + 1);
}

// A spell of dropping is over when the reader keeps up again. One that is too slow for ever hears of it, too: whenever
// it has taken a whole queue.
void LogQueue::TellIfOver(Lock& lock) {
  ++taken_in_spell_;
  if (untold_ == 0 || !writes_succeed_ || (queued_ > limits_.bytes / 2 && taken_in_spell_ < 2)) return;
  const uint64_t told = untold_;
  lock.unlock();
  const std::string line = tell_(told);
  if (!line.empty()) writes_succeed_ = write_(line + '\n');
  lock.lock();
  if (writes_succeed_) untold_ -= told;
}

}  // namespace sheaf
