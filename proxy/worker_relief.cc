// What a worker does about memory pressure: it follows the level, takes the steps of relief, and sheds sessions.
#include <algorithm>
#include <utility>

#include "proxy/worker.h"

namespace sheaf {

void Worker::FollowPressure() {
  const PressureLevel level = shared_.pressure.load(std::memory_order_relaxed);
  const PressureLevel before = std::exchange(pressure_, level);
  if (before == level) return;
  for (const std::unique_ptr<RoutePlan>& plan : plans_) plan->SetPressure(level);
  const Options::Limits& limits = options().limits;
  uint64_t divisor = InForce(ReliefStep::kShrinkBatches, level) ? 4 : 1;
  if (level == PressureLevel::kCritical) divisor *= 4;
  loop_->SetMarks({.high = limits.buffer_high / divisor, .low = limits.buffer_low / divisor});
  constexpr size_t kSmallRead = 16 * 1024;
  constexpr size_t kSmallestRead = 4 * 1024;
  const size_t read = level == PressureLevel::kCritical ? kSmallestRead : kSmallRead;
  loop_->SetReadSize(InForce(ReliefStep::kShrinkBatches, level) ? read : net::Loop::kReceiveBuffer);
  // Each would take in another read before it noticed.
  if (level > before) sessions_.ForEach([](Session& session) { session.ObeyMarks(); });
}

uint64_t Worker::Relieve(ReliefStep step) {
  uint64_t given_back = 0;
  switch (step) {
    case ReliefStep::kFreeBuffers:
      return FreeBuffers();
    case ReliefStep::kTrimPool:
      return pool_.CloseSpare() * pool::UpstreamLink::kIdleBytes;
    case ReliefStep::kFlush:
      // A write that fails closes its session: not while the list below is walked.
      loop_->FlushWrites();
      sessions_.ForEach([&given_back](Session& session) { given_back += session.FlushForMemory(); });
      return given_back;
    case ReliefStep::kDropContexts:
      sessions_.ForEach([&given_back](Session& session) { given_back += session.DropContext(); });
      return given_back;
    default:
      return 0;
  }
}

uint64_t Worker::FreeBuffers() {
  uint64_t freed = messages_.Trim() + queues_.Trim() + frames_.Trim() + scratch_.capacity();
  for (const std::vector<uint8_t>& buffer : spare_buffers_) freed += buffer.capacity();
  constexpr uint8_t kLargestWindow = 15;
  freed += spare_inflaters_.size() * (wire::InflaterBytes(kLargestWindow) + ClientInflater::kRoom);
  std::vector<std::vector<uint8_t>>().swap(spare_buffers_);
  spare_inflaters_.clear();
  scratch_ = std::string();
  return freed;
}

void Worker::TellBackend(const memwatch::PressureChange& change) {
  if (webhook_ && !stopped_) webhook_->Tell(change);
}

// Queues grow faster than the watcher's interval passes: it is asked to look now.
void Worker::HintAtGrowth() {
  metrics_.queued_bytes.Set(static_cast<int64_t>(loop_->queued_bytes()));
  const uint64_t held = loop_->queued_bytes() + static_cast<uint64_t>(metrics_.buffered_bytes.value());
  if (held < held_at_hint_) held_at_hint_ = held;
  if (held - held_at_hint_ < kGrowthForHint || shared_.watcher == nullptr) return;
  held_at_hint_ = held;
  shared_.watcher->LookSoon();
}

// Politely, and so many a second that those who come back find room: first the idle, then, where nothing else is left,
// those that hold much.
void Worker::ShedWithinBudget() {
  if (!InForce(ReliefStep::kShedIdle, pressure_)) return;
  const size_t budget = shed_pace_.Due(loop_->now());
  if (budget == 0) return;
  FindIdle(budget);
  if (!victims_.empty()) return Shed(ReliefStep::kShedIdle);
  if (!InForce(ReliefStep::kShedByCost, pressure_) || loop_->now() - costly_looked_for_ < kCostlyInterval) return;
  costly_looked_for_ = loop_->now();
  FindCostly(budget);
  Shed(ReliefStep::kShedByCost);
}

void Worker::FindIdle(size_t most) {
  const Duration idle_after = options().memory.idle_after;
  sessions_.ForEachWhile([&](Session& session) {
    if (victims_.size() == most || loop_->now() - session.active_at() < idle_after) return false;
    if (session.MayShed() && session.flushed()) victims_.push_back(&session);
    return true;
  });
}

// What is gathered for them leaves before their Close.
void Worker::FindCostly(size_t most) {
  sessions_.ForEach([this](Session& session) {
    if (!session.MayShedByCost()) return;
    if (session.held_bytes() >= kCostly || session.ReadsNothing()) victims_.push_back(&session);
  });
  const auto end = victims_.begin() + static_cast<ptrdiff_t>(std::min(most, victims_.size()));
  std::partial_sort(victims_.begin(), end, victims_.end(),
                    [](const Session* a, const Session* b) { return a->held_bytes() > b->held_bytes(); });
  victims_.erase(end, victims_.end());
}

void Worker::Shed(ReliefStep step) {
  for (Session* victim : victims_) {
    shed_pace_.Spend();
    metrics_.memory_relief_total[step].Add();
    metrics_.memory_relief_bytes_total[step].Add(victim->memory());
    victim->Shed();
  }
  victims_.clear();
}

}  // namespace sheaf
