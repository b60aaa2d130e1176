// Reading stops for reasons, and resumes when none is left. A flag would let one reason's end undo another's pause.
#pragma once

#include <cstdint>

namespace sheaf {

enum class PauseReason : uint8_t {
  kPeerFull = 1,        // the other side's output queue is over its high mark
  kExchangeActive = 2,  // pipelined requests wait for the response before them
  kDraining = 4,        // the connection is closing
};

// The set of reasons for which one connection is not read at the moment. One thread only.
class PauseReasons {
 public:
  bool any() const { return bits_ != 0; }
  bool has(PauseReason reason) const { return (bits_ & static_cast<uint8_t>(reason)) != 0; }

  // Returns true when this was the first reason: reading must stop now.
  bool Add(PauseReason reason) {
    const bool first = bits_ == 0;
    bits_ = static_cast<uint8_t>(bits_ | static_cast<uint8_t>(reason));
    return first;
  }

  // Returns true when this was the last reason: reading must go on now. False when the reason was not set.
  bool Remove(PauseReason reason) {
    const bool had_it = has(reason);
    bits_ = static_cast<uint8_t>(bits_ & ~static_cast<unsigned>(reason));
    return had_it && bits_ == 0;
  }

 private:
  uint8_t bits_ = 0;
};

}  // namespace sheaf
