// What came of a drain, or of its end, that an operator has asked for.
#pragma once

#include <cstdint>
#include <string>

namespace sheaf {

struct DrainAnswer {
  enum class State : uint8_t {
    kServing,
    kDraining,
    kDrained,  // everybody has gone, or drain.timeout is over
    kRefused,
  };

  State state = State::kServing;
  uint64_t sessions = 0;     // that are there
  uint64_t closed = 0;       // sessions that this drain has ended
  std::string refusal = {};  // a sentence, and the remedy
};

}  // namespace sheaf
