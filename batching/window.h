// How long messages of one session wait for company. Pure: time is an argument.
//
// Fixed (adaptive = false): a batch leaves `longest` after its oldest message came.
//
// Adaptive: the window is nothing, half of the timeout, or the timeout, as the rate earns it, and no longer than
// `longest`. Time is cut into periods of one timeout; the rate is the number of messages in the present or the last
// period, whichever is greater.
//
//   messages a timeout   window        why
//   under 4              none          waiting would gather hardly anything: each message leaves in its turn
//   4 to 7               timeout / 2   two to four messages a frame
//   8 and more           timeout       eight and more messages a frame
//
// A window cut short by `longest` must still gather two messages on average; one that would not is none.
//
// Windows end on a grid that all sessions share (multiples of the window on the clock), not each at its own time:
// sessions that get the same broadcast flush together and with the same messages, so one encoding serves them all, and
// a message waits half a window on average.
//
// Answers do not wait. Nobody can tell an answer from what is pushed beside it, so once the client has sent a message
// nothing waits for kAnswerTime or kAnswerMessages, but for at most half of the time: to a client that asks more often
// than they allow, they pass for less each time, and in the end the next kPassing after each question. So a client that
// asks and waits does not pay for the batching of what is pushed.
//
// What is here besides is in the batcher (count, bytes) and in the outbox (a client whose socket is full is not written
// to, so its window lasts until it has drained).
#pragma once

#include <cstdint>

#include "proxy/base/clock.h"

namespace sheaf::batching {

// How long a client's messages may wait, and what that is earned by.
struct WindowLimits {
  Duration timeout{};  // the rate is counted over it
  Duration longest{};  // no message waits longer; at most `timeout`
  bool adaptive = true;
};

class Window {
 public:
  // Waiting is worth it from this many messages a timeout on.
  static constexpr uint32_t kHalfFrom = 4;
  static constexpr uint32_t kWholeFrom = 8;
  // An answer is waited for so long, and for so many messages.
  static constexpr uint32_t kAnswerTime = 50;       // ms
  static constexpr uint32_t kLeastAnswerTime = 10;  // ms; with less left, only kPassing messages pass
  static constexpr uint16_t kAnswerMessages = 16;
  static constexpr uint16_t kPassing = 2;
  // Time in which messages may wait earns as much in which none does: so much of it may be saved up, in ms.
  static constexpr uint16_t kMostSaved = 1000;

  // Counts a message for the client that came at `now`, and says until when it may wait: `now` itself for "it leaves in
  // this turn", never later than now + longest. `more` came right behind it, and leave with it.
  TimePoint OnMessage(TimePoint now, const WindowLimits& limits, uint32_t more = 0);

  // The client has sent an application message: its answer does not wait.
  void OnClientMessage(TimePoint now);

  // The next `messages` leave in their turn.
  void LetPass(TimePoint now, uint16_t messages);

  // When a message that comes at `now` would leave, without counting one.
  TimePoint EndAt(TimePoint now, const WindowLimits& limits) const;

 private:
  static constexpr uint16_t kMost = UINT16_MAX;

  void BeginPeriod(uint32_t period);
  void Count(uint32_t messages);
  bool Passes(TimePoint now, uint32_t messages);
  void Settle(uint32_t ms);

  uint32_t period_ = 0;  // number of the present period, modulo 2^32
  uint16_t count_ = 0;   // messages in it, saturated
  uint16_t last_count_ = 0;
  // While an answer is waited for. Times are in ms, modulo 2^32.
  uint16_t passing_ = 0;         // so many messages leave in their turn ...
  uint16_t saved_ = kMostSaved;  // time in which nothing waits that may be had, as of settled_
  uint32_t passing_until_ = 0;   // ... that come before this
  uint32_t settled_ = 0;
};

}  // namespace sheaf::batching
