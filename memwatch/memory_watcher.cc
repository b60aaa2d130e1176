#include "memwatch/memory_watcher.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "proxy/base/log.h"

namespace sheaf::memwatch {
namespace {

int Milliseconds(Duration time) {
  // Rounded up, so that a wait is not over before its time.
  return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(time).count());
}

}  // namespace

MemoryWatcher::MemoryWatcher(const Options::Memory& options, const std::string& root, WorkerMetrics& metrics)
    : interval_(options.check_interval),
      metrics_(metrics),
      reader_(root, options.limit),
      monitor_(
          options, [this] { return reader_.Read(); }, metrics),
      stall_(PressureStall::Open(root)),
      wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

MemoryWatcher::~MemoryWatcher() {
  Stop();
  if (wake_fd_ >= 0) close(wake_fd_);
}

void MemoryWatcher::Start() {
  monitor_.Look(clock_.Now());
  thread_ = std::thread([this] { Run(); });
}

void MemoryWatcher::Stop() {
  if (!thread_.joinable()) return;
  stopped_.store(true, std::memory_order_relaxed);
  Wake();
  thread_.join();
}

void MemoryWatcher::LookSoon() {
  if (!hinted_.exchange(true, std::memory_order_relaxed)) Wake();
}

void MemoryWatcher::Wake() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_fd_, &one, sizeof(one));
}

void MemoryWatcher::Adopt(const Options::Memory& options) {
  {
    const std::lock_guard lock(options_mutex_);
    next_options_ = options;
  }
  Wake();
}

void MemoryWatcher::TakeOptions() {
  const std::lock_guard lock(options_mutex_);
  if (!next_options_) return;
  interval_ = next_options_->check_interval;
  reader_.SetLimit(next_options_->limit);
  monitor_.Adopt(*next_options_);
  next_options_.reset();
}

void MemoryWatcher::Run() {
  while (!stopped_.load(std::memory_order_relaxed)) {
    Wait();
    TakeOptions();
    if (!stopped_.load(std::memory_order_relaxed)) monitor_.Look(clock_.Now());
  }
}

void MemoryWatcher::Wait() {
  const TimePoint looked = clock_.Now();
  std::array<pollfd, 2> fds = {pollfd{wake_fd_, POLLIN, 0}, pollfd{stall_ ? stall_->descriptor() : -1, POLLPRI, 0}};
  poll(fds.data(), fds.size(), Milliseconds(interval_));
  if ((fds[1].revents & POLLERR) != 0) {
    Log(LogLevel::kInfo, "the kernel reports stalls no more: memory is looked at in intervals alone");
    stall_.reset();
  } else if ((fds[1].revents & POLLPRI) != 0) {
    metrics_.memory_stalls_total.Add();
  }
  if ((fds[0].revents & POLLIN) == 0) return;
  const TimePoint earliest = looked + std::min(kLeastGap, interval_);
  if (!stopped_.load(std::memory_order_relaxed)) std::this_thread::sleep_until(earliest);
  uint64_t ignored = 0;
  [[maybe_unused]] const ssize_t got = read(wake_fd_, &ignored, sizeof(ignored));
  if (hinted_.exchange(false, std::memory_order_relaxed)) metrics_.memory_hints_total.Add();
}

}  // namespace sheaf::memwatch
