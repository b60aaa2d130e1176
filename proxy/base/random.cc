#include "proxy/base/random.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cassert>

namespace sheaf {

void FillRandom(std::span<uint8_t> bytes) {
  thread_local std::array<uint8_t, 1024> entropy;
  thread_local size_t used = entropy.size();
  assert(bytes.size() <= 64);
  if (used + bytes.size() > entropy.size()) {
    // Requests of up to 256 bytes are never cut short; more may be, by a signal.
    for (size_t filled = 0; filled < entropy.size();) {
      const ssize_t got = getrandom(entropy.data() + filled, entropy.size() - filled, 0);
      if (got > 0) filled += static_cast<size_t>(got);
    }
    used = 0;
  }
  std::copy_n(entropy.begin() + static_cast<ptrdiff_t>(used), bytes.size(), bytes.begin());
  used += bytes.size();
}

double RandomFraction() {
  std::array<uint8_t, 4> bytes;
  FillRandom(bytes);
  uint32_t number = 0;
  for (const uint8_t byte : bytes) number = number << 8 | byte;
  return number / 4294967296.0;
}

}  // namespace sheaf
