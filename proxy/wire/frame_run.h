// The frames of a run (MessagePart::before), one by one: for who sends each message of a client by itself.
#pragma once

#include <cstdint>
#include <span>

#include "proxy/wire/message.h"

namespace sheaf::wire {

// A client's frame that lies whole in a run.
struct RunFrame {
  Opcode opcode;
  std::span<const uint8_t> payload;
  uint32_t mask;  // in memory order
};

// Takes the frame in front off `run`, which is not empty. What a FrameDecoder has found is not checked again.
RunFrame TakeFromRun(std::span<const uint8_t>& run);

}  // namespace sheaf::wire
