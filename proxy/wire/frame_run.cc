#include "proxy/wire/frame_run.h"

#include <cstddef>
#include <cstring>

namespace sheaf::wire {

RunFrame TakeFromRun(std::span<const uint8_t>& run) {
  constexpr uint8_t kTwoBytesFollow = 126;  // of the length; in a run no frame has eight
  constexpr size_t kMaskSize = 4;
  size_t length = run[1] & 0x7F;
  size_t header = 2;
  if (length == kTwoBytesFollow) {
    length = size_t{run[2]} << 8 | run[3];
    header = 4;
  }
  RunFrame frame{static_cast<Opcode>(run[0] & 0x0F), run.subspan(header + kMaskSize, length), 0};
  std::memcpy(&frame.mask, run.data() + header, kMaskSize);
  run = run.subspan(header + kMaskSize + length);
  return frame;
}

}  // namespace sheaf::wire
