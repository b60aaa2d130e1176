// The key under which a client sends a frame's payload (RFC 6455 5.3), as 32 bits in memory order.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace sheaf::wire {

// The key for bytes that start `offset` bytes further on.
inline uint32_t RotateMask(uint32_t mask, size_t offset) {
  const int bits = static_cast<int>(offset % 4) * 8;
  return std::endian::native == std::endian::little ? std::rotr(mask, bits) : std::rotl(mask, bits);
}

}  // namespace sheaf::wire
