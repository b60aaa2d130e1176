#include "proxy/net/tick_wheel.h"

#include <algorithm>

namespace sheaf::net {

Deadline::~Deadline() {
  if (set()) wheel_->Cancel(*this);
}

uint64_t TickWheel::TicksAt(TimePoint time) const {
  return time <= start_ ? 0 : static_cast<uint64_t>((time - start_) / tick_);
}

void TickWheel::Set(Deadline& deadline, TimePoint now, Duration after) {
  if (deadline.set()) Cancel(deadline);
  // One tick more than the quotient: the tick that is running now has partly passed, and a deadline never fires early.
  const uint64_t due = TicksAt(now + std::max(after, Duration::zero())) + 1;
  deadline.due_ = std::max(due, current_ + 1);
  deadline.wheel_ = this;
  SlotOf(deadline.due_).PushBack(deadline);
  ++deadlines_;
}

void TickWheel::Cancel(Deadline& deadline) {
  if (!deadline.set()) return;
  SlotOf(deadline.due_).Remove(deadline);
  --deadlines_;
}

void TickWheel::Advance(TimePoint now) {
  const uint64_t target = TicksAt(now);
  // After a long sleep one full turn of the wheel visits every slot.
  if (target > current_ + kSlots) current_ = target - kSlots;
  while (current_ < target) {
    ++current_;
    Slot& slot = SlotOf(current_);
    // Handlers may add to this slot (a full turn ahead) or cancel members of it: only its present length is visited.
    for (size_t left = slot.size(); left > 0 && !slot.empty(); --left) {
      Deadline& deadline = slot.PopFront();
      if (deadline.due_ > target) {
        slot.PushBack(deadline);
      } else {
        --deadlines_;
        deadline.handler_.OnDeadline(deadline);
      }
    }
  }
}

std::optional<TimePoint> TickWheel::NextTick() const {
  if (deadlines_ == 0) return std::nullopt;
  uint64_t tick = current_ + 1;
  while (slots_[tick % kSlots].empty()) ++tick;
  return start_ + tick * tick_;
}

}  // namespace sheaf::net
