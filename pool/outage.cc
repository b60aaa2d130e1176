#include "pool/outage.h"

#include <chrono>
#include <utility>

#include "proxy/base/events.h"
#include "proxy/base/log.h"

namespace sheaf::pool {
namespace {

LogValue Seconds(Duration time) {
  return LogValue::Decimal(std::chrono::duration<double>(time).count(), 1);
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
    Announce(EventKind::kUpstream, LogLevel::kWarning, "the backend is down",
             {{"upstream", upstream_}, {"error", cause}});
  } else if (now - summarized_ >= kSummaryInterval) {
    Summarize(now, cause);
  }
}

void Outage::Summarize(TimePoint now, std::string_view cause) {
  summarized_ = now;
  told_ = true;
  Log(LogLevel::kWarning, "the backend is still down",
      {{"upstream", upstream_},
       {"error", cause},
       {"down_seconds", Seconds(now - began_)},
       {"failed_attempts", attempts_},
       {"refused_requests", refused_.load(std::memory_order_relaxed)},
       {"untold_outages", std::exchange(untold_, 0)}});
}

void Outage::End(TimePoint now) {
  const std::scoped_lock lock(mutex_);
  if (!lasts_.exchange(false, std::memory_order_relaxed)) {
    Announce(EventKind::kUpstream, LogLevel::kInfo, "the backend is up", {{"upstream", upstream_}});
    return;
  }
  if (!told_) {
    ++untold_;
    return;
  }
  Announce(EventKind::kUpstream, LogLevel::kInfo, "the backend is up again",
           {{"upstream", upstream_},
            {"down_seconds", Seconds(now - began_)},
            {"failed_attempts", attempts_},
            {"refused_requests", refused_.load(std::memory_order_relaxed)},
            {"untold_outages", std::exchange(untold_, 0)}});
}

bool Outage::MayTell(TimePoint now) {
  if (told_in_minute_ == 0 || now - minute_began_ >= kSummaryInterval) {
    minute_began_ = now;
    told_in_minute_ = 0;
  }
  return ++told_in_minute_ <= kToldAMinute;
}

}  // namespace sheaf::pool
