// What an operator has done to sessions: what is asked of the workers, and what came of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/selector.h"
#include "proxy/base/status.h"

namespace sheaf {

// What a Close says to a client.
struct CloseWords {
  uint16_t code;
  std::string text;  // UTF-8, at most 123 bytes
};

// Sessions that are there when it is asked for get a Close, spread evenly over a time. Who comes later stays, though
// the selector names it, too: a client that is closed comes back at once, and would be closed again.
struct CloseAction {
  Selector of = {};
  double share = 1;  // of these, the longest idle first; over 0, at most 1
  CloseReason reason = CloseReason::kOperator;
  CloseWords words = {};
  Duration over{};
};

struct ActionTally {
  uint64_t sessions = 0;  // that are meant
  uint64_t bytes = 0;     // that have left for their clients

  ActionTally& operator+=(const ActionTally& other) {
    sessions += other.sessions;
    bytes += other.bytes;
    return *this;
  }
};

struct ActionAnswer {
  ActionTally tally;
  std::vector<size_t> late;  // workers that have not answered in time; they do it when they can
};

}  // namespace sheaf
