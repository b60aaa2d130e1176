// Is the client still there, and does it read? Pure: told what happens, and how things stand at a look, it says what is
// due and when the next look is; the session sends, closes and sets the timer.
//
//   const ClientWatch::Verdict verdict = watch.Look(view, limits, now);
//   ...
//   const Duration next = watch.UntilNextLook(view, limits, now);
//
// A client that has sent nothing for the ping interval gets a ping, and has its time-out to send something. Bytes that
// come do not move the timer: it fires, and is set again by when the last one came.
#pragma once

#include <algorithm>
#include <cstdint>

#include "proxy/base/clock.h"

namespace sheaf {

class ClientWatch {
 public:
  struct Limits {
    Duration ping_interval;  // zero: no pings
    Duration ping_timeout;
    Duration stall;  // a client that has taken nothing for so long is given up
  };
  // How things stand at a look.
  struct View {
    bool full;               // something waits for the client to read
    Duration stalled;        // for so long nothing of that has moved
    bool unread;             // the client is not read: its Pong may lie there
    bool ping_waits;         // our ping has not left
    TimePoint ping_left_at;  // when our last ping was written
  };
  enum class Verdict : uint8_t { kFine, kSendPing, kStalled, kPingTimeout };

  explicit ClientWatch(TimePoint now) : heard_at_(now) {}

  // A byte of the client has been read.
  void Heard(TimePoint now) {
    heard_at_ = now;
    awaiting_pong_ = false;
  }
  // From now on it can answer: what held its Pong or our ping up is over.
  void MayAnswer(TimePoint now) { ping_at_ = now; }

  Verdict Look(const View& view, const Limits& limits, TimePoint now);

  // Duration::max(): no look is due. `view.full` is noted, see watching_for_stall.
  Duration UntilNextLook(const View& view, const Limits& limits, TimePoint now);
  // Nothing was heard since our last ping was due.
  bool awaiting_pong() const { return awaiting_pong_; }
  // The next look comes in time for a client that stalls.
  bool watching_for_stall() const { return watching_for_stall_; }

 private:
  static Duration UntilPing(Duration quiet, const Limits& limits);
  TimePoint PingLeftAt(const View& view) const { return std::max(ping_at_, view.ping_left_at); }

  TimePoint heard_at_;
  TimePoint ping_at_{};  // since when our last ping could be answered, if that is later than when it left
  bool awaiting_pong_ = false;
  bool watching_for_stall_ = false;
};

}  // namespace sheaf
