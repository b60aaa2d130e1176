#include "pool/outage.h"

#include <chrono>
#include <cstdio>
#include <utility>

#include "proxy/base/log.h"

namespace sheaf::pool {
namespace {

std::string Seconds(Duration time) {
  const auto tenths = std::chrono::duration_cast<std::chrono::milliseconds>(time).count() / 100;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10);
}

}  // namespace

void Outage::Fail(TimePoint now, std::string_view cause) {
  const std::scoped_lock lock(mutex_);
  ++attempts_;
  if (!lasts_.exchange(true, std::memory_order_relaxed)) {
    began_ = summarized_ = now;
    attempts_ = 1;
    refused_.store(0, std::memory_order_relaxed);
    told_ = MayTell(now);
    if (!told_) return;
    Log(LogLevel::kWarning, "the backend is down", {{"upstream", upstream_}, {"error", std::string(cause)}});
  } else if (now - summarized_ >= kSummaryInterval) {
    Summarize(now, cause);
  }
}

void Outage::Summarize(TimePoint now, std::string_view cause) {
  summarized_ = now;
  told_ = true;
  Log(LogLevel::kWarning, "the backend is still down",
      {{"upstream", upstream_},
       {"error", std::string(cause)},
       {"down_seconds", Seconds(now - began_)},
       {"failed_attempts", std::to_string(attempts_)},
       {"refused_requests", std::to_string(refused_.load(std::memory_order_relaxed))},
       {"untold_outages", std::to_string(std::exchange(untold_, 0))}});
}

void Outage::End(TimePoint now) {
  const std::scoped_lock lock(mutex_);
  if (!lasts_.exchange(false, std::memory_order_relaxed)) {
    Log(LogLevel::kInfo, "the backend is up", {{"upstream", upstream_}});
    return;
  }
  if (!told_) {
    ++untold_;
    return;
  }
  Log(LogLevel::kInfo, "the backend is up again",
      {{"upstream", upstream_},
       {"down_seconds", Seconds(now - began_)},
       {"failed_attempts", std::to_string(attempts_)},
       {"refused_requests", std::to_string(refused_.load(std::memory_order_relaxed))},
       {"untold_outages", std::to_string(std::exchange(untold_, 0))}});
}

bool Outage::MayTell(TimePoint now) {
  if (told_in_minute_ == 0 || now - minute_began_ >= kSummaryInterval) {
    minute_began_ = now;
    told_in_minute_ = 0;
  }
  return ++told_in_minute_ <= kToldAMinute;
}

}  // namespace sheaf::pool
