#include "batching/window.h"

#include <algorithm>
#include <chrono>

namespace sheaf::batching {
namespace {

uint32_t Milliseconds(TimePoint time) {
  return static_cast<uint32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count());
}

// Of times modulo 2^32; a time that is not yet is 0 ago.
uint32_t Since(uint32_t then, uint32_t now) {
  const auto passed = static_cast<int32_t>(now - then);
  return passed > 0 ? static_cast<uint32_t>(passed) : 0;
}

}  // namespace

TimePoint Window::OnMessage(TimePoint now, const WindowLimits& limits, uint32_t more) {
  if (!limits.adaptive) return now + limits.longest;
  const auto period = static_cast<uint32_t>(now.time_since_epoch() / limits.timeout);
  if (period != period_) BeginPeriod(period);
  Count(1);
  const TimePoint end = passing_ > 0 && Passes(now, 1 + more) ? now : EndAt(now, limits);
  Count(more);
  return end;
}

void Window::Count(uint32_t messages) {
  count_ = static_cast<uint16_t>(std::min<uint32_t>(count_ + messages, kMost));
}

TimePoint Window::EndAt(TimePoint now, const WindowLimits& limits) const {
  const uint32_t rate = std::max(count_, last_count_);
  if (rate < kHalfFrom) return now;
  const Duration window = std::min(rate < kWholeFrom ? limits.timeout / 2 : limits.timeout, limits.longest);
  if (rate * window < 2 * limits.timeout) return now;
  return TimePoint((now.time_since_epoch() / window + 1) * window);
}

void Window::BeginPeriod(uint32_t period) {
  last_count_ = period == period_ + 1 ? count_ : uint16_t{0};
  count_ = 0;
  period_ = period;
}

bool Window::Passes(TimePoint now, uint32_t messages) {
  const uint32_t ms = Milliseconds(now);
  const bool passes = Since(passing_until_, ms) == 0;
  if (passes && passing_ > messages) {
    passing_ = static_cast<uint16_t>(passing_ - messages);
  } else {
    Settle(ms);
    passing_ = 0;
  }
  return passes;
}

void Window::Settle(uint32_t ms) {
  const uint32_t passed = Since(settled_, ms);
  const uint32_t over = passing_ > 0 ? std::min(Since(passing_until_, ms), passed) : passed;
  const uint32_t spent = passed - over;
  const uint32_t rest = saved_ - std::min<uint32_t>(saved_, spent);
  saved_ = static_cast<uint16_t>(std::min<uint32_t>(rest + over, kMostSaved));
  settled_ = ms;
}

void Window::OnClientMessage(TimePoint now) {
  const uint32_t ms = Milliseconds(now);
  Settle(ms);
  if (Since(passing_until_, ms) > 0) passing_ = 0;
  const bool some = saved_ >= kLeastAnswerTime;
  passing_ = some ? kAnswerMessages : std::max(passing_, kPassing);
  // Half of what is saved: the next question, which may come soon, needs some as well.
  passing_until_ = ms + (some ? std::clamp<uint32_t>(saved_ / 2, kLeastAnswerTime, kAnswerTime) : kAnswerTime);
}

void Window::LetPass(TimePoint now, uint16_t messages) {
  const uint32_t ms = Milliseconds(now);
  Settle(ms);
  const bool waits_for_answer = passing_ > 0 && Since(passing_until_, ms) == 0;
  passing_ = waits_for_answer ? std::max(passing_, messages) : messages;
  // The time after a question is not drawn out: what it takes is missing after the next one.
  const uint32_t until = ms + kLeastAnswerTime;
  if (!waits_for_answer || Since(passing_until_, until) > 0) passing_until_ = until;
}

}  // namespace sheaf::batching
