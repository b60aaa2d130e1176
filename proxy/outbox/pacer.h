// How much may go to one client in a second: messages, bytes, or both. A bucket each, which holds what comes back
// within kBurst; a message that is begun goes whole, so a bucket may owe, and what is owed comes back first. Pure: time
// is an argument.
//
//   if (pacer.ReadyAt({.messages = 3, .bytes = 512}, rates) <= now) ...
//   pacer.Charge(now, {.messages = 1, .bytes = 170}, rates);
//
// Full when made. 16 bytes; one thread only.
#pragma once

#include <chrono>
#include <cstdint>

#include "proxy/base/clock.h"

namespace sheaf {

class Pacer {
 public:
  // Of a rate, a second of it; 0: no bound.
  struct Amount {
    uint64_t messages = 0;
    uint64_t bytes = 0;
  };

  static constexpr Duration kBurst = std::chrono::seconds(1);
  // Nobody is woken for less than what comes back in this time, or for a single message: small writes cost as much as
  // large ones.
  static constexpr Duration kStep = std::chrono::milliseconds(50);

  // So much has gone, whether it was there or not.
  void Charge(TimePoint now, Amount gone, Amount rates);
  // When `waiting` may go, or a worthwhile part of it.
  TimePoint ReadyAt(Amount waiting, Amount rates) const;
  // What may go at `now`; UINT64_MAX where there is no bound.
  Amount At(TimePoint now, Amount rates) const;

 private:
  struct Bucket {
    void Charge(TimePoint now, uint64_t gone, uint64_t rate);
    TimePoint ReadyAt(uint64_t waiting, uint64_t rate) const;
    uint64_t At(TimePoint now, uint64_t rate) const;

    TimePoint full_at{};
  };

  Bucket messages_;
  Bucket bytes_;
};

}  // namespace sheaf
