// How long messages of one session wait for company. Pure: time is an argument.
//
// Fixed (adaptive = false): a batch leaves `timeout` after its oldest message came.
//
// Adaptive: the window is nothing, half of the timeout, or the timeout, as the rate earns it. Time is cut into periods
// of one timeout; the rate is the number of messages in the present or the last period, whichever is greater.
//
//   messages a timeout   window        why
//   under 4              none          waiting would gather hardly anything: each message leaves in its turn
//   4 to 7               timeout / 2   two to four messages a frame
//   8 and more           timeout       eight and more messages a frame
//
// Windows end on a grid that all sessions share (multiples of the window on the clock), not each at its own time:
// sessions that get the same broadcast flush together and with the same messages, so one encoding serves them all, and
// a message waits half a window on average.
//
// Answers do not wait: each message that the client has sent in the last one to two periods lets one message pass at
// once, with what is queued before it. So a client that asks and waits never pays for the batching of what is pushed.
//
// What is here besides is in the batcher (count, bytes) and in the outbox (a client whose socket is full is not written
// to, so its window lasts until it has drained).
#pragma once

#include <cstdint>

#include "proxy/base/clock.h"

namespace sheaf::batching {

class Window {
 public:
  // Waiting is worth it from this many messages a timeout on.
  static constexpr uint32_t kHalfFrom = 4;
  static constexpr uint32_t kWholeFrom = 8;

  // Counts a message for the client that came at `now`, and says until when it may wait: `now` itself for "it leaves in
  // this turn", never later than now + timeout.
  TimePoint OnMessage(TimePoint now, Duration timeout, bool adaptive);

  // The client has sent an application message.
  void OnClientMessage();

 private:
  static constexpr uint16_t kMost = UINT16_MAX;

  void BeginPeriod(uint32_t period);

  uint32_t period_ = 0;  // number of the present period, modulo 2^32
  uint16_t count_ = 0;   // messages in it, saturated
  uint16_t last_count_ = 0;
  uint16_t asked_ = 0;  // by the client, in this period and not yet answered
  uint16_t last_asked_ = 0;
};

}  // namespace sheaf::batching
