// What an operator sees of a session, read from the session as it is (proxy/base/session_view.h). Nothing of it is kept
// for that; a session pays for being looked at only when somebody looks.
//
// The session's thread; of a session that is not closed.
#pragma once

#include <cstddef>

#include "proxy/base/clock.h"
#include "proxy/base/session_view.h"

namespace sheaf {

class Session;

// As of when, and after how long without a message a session is idle.
struct SessionClock {
  TimePoint now;
  Duration idle_after;
};

SessionCondition ConditionOf(const Session& session, const SessionClock& clock);
// All that waits for the client: queued, gathered, or half received.
size_t QueuedBytesOf(const Session& session);
// Payload, both ways.
uint64_t BytesOf(const Session& session);
bool IsAtBackend(const Session& session, const SessionQuery& query);

SessionView ViewOf(const Session& session, const SessionClock& clock);
SessionDetail DetailOf(const Session& session, const SessionClock& clock);

}  // namespace sheaf
