#include "proxy/outbox/pacer.h"

#include <algorithm>
#include <cstdint>

namespace sheaf {
namespace {

constexpr uint64_t kSecond = Duration(std::chrono::seconds(1)).count();

// What so much takes to come back, rounded up: then it is there.
Duration TimeFor(uint64_t amount, uint64_t rate) {
  return Duration(amount / rate * kSecond + (amount % rate * kSecond + rate - 1) / rate);
}

uint64_t AmountIn(Duration time, uint64_t rate) {
  return static_cast<uint64_t>(time.count()) * rate / kSecond;
}

}  // namespace

void Pacer::Bucket::Charge(TimePoint now, uint64_t gone, uint64_t rate) {
  if (rate > 0 && gone > 0) full_at = std::max(full_at, now) + TimeFor(gone, rate);
}

TimePoint Pacer::Bucket::ReadyAt(uint64_t waiting, uint64_t rate) const {
  if (rate == 0) return TimePoint::min();
  const uint64_t worthwhile = std::max<uint64_t>(AmountIn(kStep, rate), 1);
  return full_at - kBurst + TimeFor(std::min(std::max<uint64_t>(waiting, 1), worthwhile), rate);
}

uint64_t Pacer::Bucket::At(TimePoint now, uint64_t rate) const {
  if (rate == 0) return UINT64_MAX;
  const Duration missing = std::clamp<Duration>(full_at - now, Duration::zero(), kBurst);
  return AmountIn(kBurst - missing, rate);
}

void Pacer::Charge(TimePoint now, Amount gone, Amount rates) {
  messages_.Charge(now, gone.messages, rates.messages);
  bytes_.Charge(now, gone.bytes, rates.bytes);
}

TimePoint Pacer::ReadyAt(Amount waiting, Amount rates) const {
  return std::max(messages_.ReadyAt(waiting.messages, rates.messages), bytes_.ReadyAt(waiting.bytes, rates.bytes));
}

Pacer::Amount Pacer::At(TimePoint now, Amount rates) const {
  return {.messages = messages_.At(now, rates.messages), .bytes = bytes_.At(now, rates.bytes)};
}

}  // namespace sheaf
