#include "proxy/worker_relief.h"

#include <ctime>

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

WorkerRelief::WorkerRelief(const Lent& lent)
    : lent_(lent), busy_gauge_(lent.shared.cpu_share), shed_pace_(ShedRate()) {}

void WorkerRelief::OnAdopted() {
  shed_pace_.SetRate(ShedRate());
  AdaptTo(lent_.context.pressure());
}

void WorkerRelief::AdaptTo(PressureLevel level) {
  const PressureLevel before = lent_.context.pressure();
  lent_.context.Adapt(level, busy_gauge_.busy());
  const Options::Limits& limits = options().limits;
  const QueueBounds bounds = QueueBoundsAt(level);
  lent_.loop.SetMarks({.high = limits.buffer_high / bounds.divisor, .low = limits.buffer_low / bounds.divisor});
  lent_.loop.SetReadSize(bounds.read);
  // A session would take in another read before it noticed the lower marks.
  if (level > before) lent_.members.sessions.ForEach([](Session& session) { session.ObeyMarks(); });
  if (InForce(ReliefStep::kShedByCost, level)) BeginToLookForCostly();
}

size_t WorkerRelief::ContextBound() const {
  constexpr uint64_t kUntilLimitIsKnown = 64 * 1024 * 1024;  // the watcher reads it in the first second
  const uint64_t set = options().deflate.max_context_bytes;
  const uint64_t limit = lent_.shared.watcher != nullptr ? lent_.shared.watcher->limit() : 0;
  const uint64_t share = limit != 0 ? limit / 4 : kUntilLimitIsKnown;
  return static_cast<size_t>((set != 0 ? set : share) / lent_.shared.workers);
}

void WorkerRelief::FollowLoad() {
  if (!busy_gauge_.Due(lent_.loop.now())) return;
  timespec used{};
  if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used) != 0) return;
  const bool before = busy_gauge_.busy();
  busy_gauge_.Look(lent_.loop.now(), std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec));
  if (busy_gauge_.busy() == before) return;
  lent_.metrics.workers_busy.Set(before ? 0 : 1);
  lent_.context.Adapt(lent_.context.pressure(), busy_gauge_.busy());
}

// Whether a client reads shows at the second look: what is known before it may be from long ago.
void WorkerRelief::BeginToLookForCostly() {
  costly_looked_for_ = lent_.loop.now();
  lent_.members.ForEachHolder([](auto& holder) { holder.StalledFor(); });
}

uint64_t WorkerRelief::FlushForMemory() {
  // A write that fails closes its session: not while the list below is walked.
  lent_.loop.FlushWrites();
  uint64_t given_back = 0;
  lent_.members.sessions.ForEach([&given_back](Session& session) { given_back += session.FlushForMemory(); });
  return given_back;
}

uint64_t WorkerRelief::Relieve(ReliefStep step) {
  switch (step) {
    case ReliefStep::kFreeBuffers:
      return lent_.outboxes.Free() + lent_.inflaters.Free();
    case ReliefStep::kTrimPool:
      return lent_.upstreams.CloseSpare() * pool::UpstreamLink::kIdleBytes;
    case ReliefStep::kFlush:
      return FlushForMemory();
    case ReliefStep::kDropContexts:
      return lent_.outboxes.DropContexts();
    default:
      return 0;
  }
}

void WorkerRelief::HintAtGrowth() {
  lent_.metrics.queued_bytes.Set(static_cast<int64_t>(lent_.loop.queued_bytes()));
  const uint64_t waiting = lent_.loop.queued_bytes() + static_cast<uint64_t>(lent_.metrics.buffered_bytes.value());
  if (waiting < waiting_at_hint_) waiting_at_hint_ = waiting;
  if (waiting - waiting_at_hint_ < kGrowthForHint || lent_.shared.watcher == nullptr) return;
  waiting_at_hint_ = waiting;
  lent_.shared.watcher->LookSoon();
}

// So many a second that those who come back find room. Where memory is critically short, those who read nothing first:
// nobody misses what they do not get. Then the idle, and where none is left those that hold much.
void WorkerRelief::ShedWithinBudget() {
  if (!InForce(ReliefStep::kShedIdle, lent_.context.pressure())) return;
  const size_t budget = shed_pace_.Due(lent_.loop.now());
  if (budget == 0) return;
  const bool look_for_costly = MayLookForCostly();
  if (look_for_costly) FindCostly(Reads::kNothing, budget);
  // Where there are more of them, the next look is in the next turn.
  if (look_for_costly && victims_.size() < budget) costly_looked_for_ = lent_.loop.now();
  if (!victims_.empty()) return Shed(ReliefStep::kShedByCost);
  FindIdle(budget);
  if (!victims_.empty()) return Shed(ReliefStep::kShedIdle);
  if (!look_for_costly) return;
  FindCostly(Reads::kSteadily, budget);
  Shed(ReliefStep::kShedByCost);
}

void WorkerRelief::FindIdle(size_t most) {
  const Duration idle_after = options().memory.idle_after;
  lent_.members.sessions.ForEachWhile([&](Session& session) {
    if (victims_.size() == most || lent_.loop.now() - session.active_at() < idle_after) return false;
    if (session.MayShed() && session.flushed()) {
      victims_.push_back({Reads::kSteadily, 0, session.memory(), [&session] { session.Shed(); }});
    }
    return true;
  });
}

bool WorkerRelief::MayLookForCostly() const {
  return InForce(ReliefStep::kShedByCost, lent_.context.pressure()) &&
         lent_.loop.now() - costly_looked_for_ >= kCostlyInterval;
}

Reads WorkerRelief::HowItReads(Duration stalled) const {
  if (stalled >= options().websocket.close_timeout) return Reads::kNothing;
  return stalled >= kCostlyInterval ? Reads::kHaltingly : Reads::kSteadily;
}

// What is gathered for sessions leaves before their Close.
void WorkerRelief::FindCostly(Reads best, size_t most) {
  lent_.members.ForEachHolder([this, best](auto& holder) {
    if (!holder.MayShedByCost()) return;
    const Reads reads = HowItReads(holder.StalledFor());
    const size_t cost = holder.cost();
    if (reads > best || (reads != Reads::kNothing && cost < kCostly)) return;
    victims_.push_back({reads, cost, holder.memory(), [&holder] { holder.Shed(); }});
  });
  KeepCostliest(victims_, most);
}

void WorkerRelief::Shed(ReliefStep step) {
  for (const Victim& victim : victims_) {
    shed_pace_.Spend();
    lent_.metrics.memory_relief_total[step].Add();
    lent_.metrics.memory_relief_bytes_total[step].Add(victim.memory);
    victim.shed();
  }
  victims_.clear();
}

}  // namespace sheaf
