// What the log says of a session when it is over: who it was, from its upgrade, and figures of its life.
//
// Part of a session; one thread only. The strings take one block.
#pragma once

#include <cstdint>
#include <memory>

#include "proxy/base/clock.h"
#include "proxy/base/status.h"

namespace sheaf {

struct SessionInfo;

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

  TimePoint started() const { return started_; }
  // Writes the line of the access log.
  void Log(const Figures& figures, TimePoint now) const;

 private:
  TimePoint started_;
  std::unique_ptr<char[]> strings_;  // of SessionInfo, each ended by NUL
};

}  // namespace sheaf
