// What the log is told while a backend cannot be reached: a line when it goes, one a minute while it lasts, and one
// when it is back, whatever the number of workers, attempts and refused requests.
//
// Owned by an Endpoint, which tells it of each failed attempt, and of the first one that succeeds again. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/base/clock.h"

namespace sheaf::pool {

class Outage {
 public:
  // `upstream`: the backend's name in the lines.
  explicit Outage(std::string upstream) : upstream_(std::move(upstream)) {}

  // An attempt failed, for `cause`.
  void Fail(TimePoint now, std::string_view cause);
  void CountRefused() { refused_.fetch_add(1, std::memory_order_relaxed); }
  // The backend was reached.
  void End(TimePoint now);
  bool lasts() const { return lasts_.load(std::memory_order_relaxed); }

 private:
  static constexpr Duration kSummaryInterval = std::chrono::minutes(1);
  // Of a backend that comes and goes all the time, so many outages a minute are told; the rest is a number.
  static constexpr uint32_t kToldAMinute = 5;

  bool MayTell(TimePoint now);
  void Summarize(TimePoint now, std::string_view cause);

  const std::string upstream_;
  std::atomic<uint64_t> refused_{0};  // since the outage began
  std::atomic<bool> lasts_{false};    // changed under mutex_
  std::mutex mutex_;
  // Protected by mutex_.
  bool told_ = false;      // a line of this outage was written
  uint64_t attempts_ = 0;  // that failed since the outage began
  uint32_t untold_ = 0;    // outages that no line was written of
  TimePoint began_{};
  TimePoint summarized_{};
  TimePoint minute_began_{};
  uint32_t told_in_minute_ = 0;
};

}  // namespace sheaf::pool
