// What a worker does about memory pressure and load: it follows the level, takes the steps of relief, and sheds
// sessions.
#include <chrono>
#include <ctime>
#include <utility>

#include "proxy/worker.h"

namespace sheaf {
namespace {

struct QueueBounds {
  uint64_t divisor;  // of limits.buffer_high and buffer_low
  size_t read;       // most bytes of one
};

QueueBounds QueueBoundsAt(PressureLevel level) {
  if (InForce(ReliefStep::kShrinkQueuesMore, level)) return {16, 4 * 1024};
  if (InForce(ReliefStep::kShrinkQueues, level)) return {4, 16 * 1024};
  return {1, net::Loop::kReceiveBuffer};
}

}  // namespace

void Worker::AdaptTo(PressureLevel level) {
  const PressureLevel before = context_.pressure();
  context_.Adapt(level, busy_gauge_.busy());
  const Options::Limits& limits = options().limits;
  const QueueBounds bounds = QueueBoundsAt(level);
  loop_->SetMarks({.high = limits.buffer_high / bounds.divisor, .low = limits.buffer_low / bounds.divisor});
  loop_->SetReadSize(bounds.read);
  // Each would take in another read before it noticed.
  if (level > before) sessions_.ForEach([](Session& session) { session.ObeyMarks(); });
  if (InForce(ReliefStep::kShedByCost, level)) BeginToLookForCostly();
}

// This worker's part.
size_t Worker::ContextBound() const {
  const uint64_t set = options().deflate.max_context_bytes;
  const uint64_t limit = shared_.watcher != nullptr ? shared_.watcher->limit() : 0;
  return static_cast<size_t>((set != 0 ? set : limit / 4) / shared_.workers);
}

// How busy the thread is decides how long those wait who gain nothing else by it.
void Worker::FollowLoad() {
  if (!busy_gauge_.Due(loop_->now())) return;
  timespec used{};
  if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used) != 0) return;
  const bool before = busy_gauge_.busy();
  busy_gauge_.Look(loop_->now(), std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec));
  if (busy_gauge_.busy() == before) return;
  metrics_.workers_busy.Set(before ? 0 : 1);
  context_.Adapt(context_.pressure(), busy_gauge_.busy());
}

// Whether a client reads shows at the second look: what is known before it may be from long ago.
void Worker::BeginToLookForCostly() {
  costly_looked_for_ = loop_->now();
  ForEachHolder([](auto& holder) { holder.StalledFor(); });
}

uint64_t Worker::Relieve(ReliefStep step) {
  uint64_t given_back = 0;
  switch (step) {
    case ReliefStep::kFreeBuffers:
      return outboxes_.Free() + inflaters_.Free();
    case ReliefStep::kTrimPool:
      return upstreams_.CloseSpare() * pool::UpstreamLink::kIdleBytes;
    case ReliefStep::kFlush:
      // A write that fails closes its session: not while the list below is walked.
      loop_->FlushWrites();
      sessions_.ForEach([&given_back](Session& session) { given_back += session.FlushForMemory(); });
      return given_back;
    case ReliefStep::kDropContexts:
      return outboxes_.contexts().DropAll();
    default:
      return 0;
  }
}

void Worker::TellBackend(const memwatch::PressureChange& change) {
  if (webhook_ && !stopped_) webhook_->Tell(change);
}

void Worker::WatchGrowth() {
  FollowPressure();
  HintAtGrowth();
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

// So many a second that those who come back find room. Where memory is critically short, those who read nothing first:
// nobody misses what they do not get. Then the idle, and where none is left those that hold much.
void Worker::ShedWithinBudget() {
  if (!InForce(ReliefStep::kShedIdle, context_.pressure())) return;
  const size_t budget = shed_pace_.Due(loop_->now());
  if (budget == 0) return;
  const bool look_for_costly = MayLookForCostly();
  if (look_for_costly) FindCostly(Reads::kNothing, budget);
  // Where there are more of them, the next look is in the next turn.
  if (look_for_costly && victims_.size() < budget) costly_looked_for_ = loop_->now();
  if (!victims_.empty()) return Shed(ReliefStep::kShedByCost);
  FindIdle(budget);
  if (!victims_.empty()) return Shed(ReliefStep::kShedIdle);
  if (!look_for_costly) return;
  FindCostly(Reads::kSteadily, budget);
  Shed(ReliefStep::kShedByCost);
}

void Worker::FindIdle(size_t most) {
  const Duration idle_after = options().memory.idle_after;
  sessions_.ForEachWhile([&](Session& session) {
    if (victims_.size() == most || loop_->now() - session.active_at() < idle_after) return false;
    if (session.MayShed() && session.flushed()) {
      victims_.push_back({Reads::kSteadily, 0, session.memory(), [&session] { session.Shed(); }});
    }
    return true;
  });
}

bool Worker::MayLookForCostly() const {
  return InForce(ReliefStep::kShedByCost, context_.pressure()) && loop_->now() - costly_looked_for_ >= kCostlyInterval;
}

Reads Worker::HowItReads(Duration stalled) const {
  if (stalled >= options().websocket.close_timeout) return Reads::kNothing;
  return stalled >= kCostlyInterval ? Reads::kHaltingly : Reads::kSteadily;
}

// What is gathered for sessions leaves before their Close.
void Worker::FindCostly(Reads best, size_t most) {
  ForEachHolder([this, best](auto& holder) {
    if (!holder.MayShedByCost()) return;
    const Reads reads = HowItReads(holder.StalledFor());
    const size_t held = holder.held_bytes();
    if (reads > best || (reads != Reads::kNothing && held < kCostly)) return;
    victims_.push_back({reads, held, holder.memory(), [&holder] { holder.Shed(); }});
  });
  KeepCostliest(victims_, most);
}

void Worker::Shed(ReliefStep step) {
  for (const Victim& victim : victims_) {
    shed_pace_.Spend();
    metrics_.memory_relief_total[step].Add();
    metrics_.memory_relief_bytes_total[step].Add(victim.memory);
    victim.shed();
  }
  victims_.clear();
}

}  // namespace sheaf
