// Who a session is, from its upgrade, for the log and for who looks for it; and the line of the log when it is over,
// with figures of its life.
//
// Part of a session; one thread only. All takes one block. Where a user is named, the block has a place for the
// directory's entry, too: a session without one does not pay for it.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "proxy/base/clock.h"
#include "proxy/base/list.h"
#include "proxy/base/session_id.h"
#include "proxy/base/status.h"

namespace sheaf {

class Session;
struct SessionInfo;
struct SessionsOfUser;

// A session in the list of its user's (session/directory.h).
struct UserEntry {
  ListHook hook;
  Session* session = nullptr;
  SessionsOfUser* user = nullptr;
};

class SessionRecord {
 public:
  struct Figures {
    uint64_t messages_in;  // from the client, whole ones
    uint64_t messages_out;
    uint64_t bytes_in;  // of their payload, inflated
    uint64_t bytes_out;
    uint64_t frames_out;  // in which the messages went to the client
    uint16_t close_code;  // 0: nobody sent a Close
    CloseReason reason;
  };

  explicit SessionRecord(const SessionInfo& info);
  SessionRecord(const SessionRecord&) = delete;
  SessionRecord& operator=(const SessionRecord&) = delete;
  ~SessionRecord();

  // What the upgrade said. Views into the record; empty: SessionInfo had none.
  struct Texts {
    std::string_view client;
    std::string_view target;  // as it may be shown
    std::string_view request_id;
    std::string_view user_agent;
    std::string_view user;
    std::string_view trace_id;
    std::string_view upstream;
  };

  TimePoint started() const { return started_; }
  Texts texts() const;
  std::string_view target() const;  // as it may be shown
  std::string_view user() const;    // empty: none
  UserEntry* user_entry() const;    // nullptr: no user
  // Writes the line of the access log.
  void Log(SessionId id, const Figures& figures, TimePoint now) const;

 private:
  struct Strings;
  Strings Read() const;

  TimePoint started_;
  std::unique_ptr<char[]> block_;  // strings of SessionInfo, each ended by NUL, and a UserEntry
};

}  // namespace sheaf
