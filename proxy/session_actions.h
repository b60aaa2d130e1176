// What an operator has done to the sessions of one worker. A Close is spread over its time by a pace of its own, so
// that actions that are under way together do not disturb one another, and a reload none of them.
//
// Owned by the worker; worker thread only. What it is lent outlives it.
#pragma once

#include <cstddef>
#include <deque>
#include <list>

#include "proxy/base/session_action.h"
#include "proxy/control/drain_pace.h"
#include "proxy/members.h"
#include "proxy/net/loop.h"
#include "proxy/session/directory.h"
#include "proxy/session_finder.h"

namespace sheaf {

class SessionActions final : private net::DeadlineHandler {
 public:
  struct Lent {
    net::Loop& loop;
    Members& members;
    Directory& directory;
  };
  explicit SessionActions(const Lent& lent) : lent_(lent), finder_(lent.members, lent.directory), deadline_(*this) {}
  SessionActions(const SessionActions&) = delete;
  SessionActions& operator=(const SessionActions&) = delete;

  // Those that get their Close now, or in the course of the action's time: in the order in which they stand now, so
  // that one that wakes up meanwhile goes all the same. The bytes are not told.
  ActionTally Close(const CloseAction& action);
  // What is gathered leaves, unless it waits for a client that reads too slowly, or for the route's rate.
  ActionTally Flush(const Selector& of);
  // Whoever is still to be closed stays.
  void Stop() { closing_.clear(); }

 private:
  // A Close that is under way.
  struct Closing {
    CloseReason reason;
    CloseWords words;
    DrainPace pace;
    std::deque<SessionId> left;  // some may be over by now
  };

  void CloseDue(Closing& closing);
  void OnDeadline(net::Deadline& deadline) override;

  const Lent lent_;
  const SessionFinder finder_;
  net::Deadline deadline_;
  std::list<Closing> closing_;
};

}  // namespace sheaf
