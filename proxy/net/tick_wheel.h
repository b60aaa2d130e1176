// Coarse deadlines for very many objects: joining and leaving are O(1), nothing is allocated, and time is told in
// ticks. A deadline fires on the first tick after it is due, so up to one tick late and never early. A loop has two
// wheels: one of long ticks for time-outs, one of short ticks for batches.
//
// Activity that pushes a deadline back needs no call: let it fire, look at when the last activity was, and set it
// again. Owned by a Loop; one thread only.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "proxy/base/clock.h"
#include "proxy/base/list.h"

namespace sheaf::net {

inline constexpr Duration kTick = std::chrono::milliseconds(100);
inline constexpr Duration kShortTick = std::chrono::milliseconds(1);

class Deadline;

class DeadlineHandler {
 public:
  // The deadline is not set any more and may be set again.
  virtual void OnDeadline(Deadline& deadline) = 0;

 protected:
  ~DeadlineHandler() = default;
};

// One deadline, a member of the object that waits. Destroying it cancels it.
class Deadline {
 public:
  explicit Deadline(DeadlineHandler& handler) : handler_(handler) {}
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  ~Deadline();

  bool set() const { return hook_.linked(); }

 private:
  friend class TickWheel;

  DeadlineHandler& handler_;
  class TickWheel* wheel_ = nullptr;
  ListHook hook_;
  uint64_t due_ = 0;  // in ticks
};

class TickWheel {
 public:
  TickWheel(TimePoint start, Duration tick) : start_(start), tick_(tick) {}
  TickWheel(const TickWheel&) = delete;
  TickWheel& operator=(const TickWheel&) = delete;

  // Fires `after` from `now`, rounded up to a tick. A deadline that is set already is moved.
  void Set(Deadline& deadline, TimePoint now, Duration after);
  void Cancel(Deadline& deadline);

  // Fires what is due at `now`. Handlers may set and cancel any deadline.
  void Advance(TimePoint now);

  // The first tick on which something may be due; nullopt when no deadline is set. It may turn out that nothing is.
  std::optional<TimePoint> NextTick() const;

 private:
  friend class Deadline;
  static constexpr size_t kSlots = 512;
  using Slot = List<Deadline, &Deadline::hook_>;

  uint64_t TicksAt(TimePoint time) const;
  Slot& SlotOf(uint64_t tick) { return slots_[tick % kSlots]; }

  TimePoint start_;
  Duration tick_;
  size_t deadlines_ = 0;
  uint64_t current_ = 0;  // the last tick that was fired
  std::array<Slot, kSlots> slots_;
};

}  // namespace sheaf::net
