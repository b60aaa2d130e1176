// Numbers as protocols of our own write them: little endian, anywhere in memory, on any machine.
#pragma once

#include <cstdint>
#include <string>

namespace sheaf::wire {

inline uint16_t ReadLittle16(const uint8_t* at) {
  return static_cast<uint16_t>(at[0] | at[1] << 8);
}

inline uint32_t ReadLittle32(const uint8_t* at) {
  return uint32_t{at[0]} | uint32_t{at[1]} << 8 | uint32_t{at[2]} << 16 | uint32_t{at[3]} << 24;
}

inline uint64_t ReadLittle64(const uint8_t* at) {
  return ReadLittle32(at) | uint64_t{ReadLittle32(at + 4)} << 32;
}

inline void WriteLittle32(uint8_t* at, uint32_t number) {
  for (int shift = 0; shift < 32; shift += 8) *at++ = static_cast<uint8_t>(number >> shift);
}

// All bytes of the number's type: say the width by it.
template <typename Number>
void AppendLittle(std::string& out, Number number) {
  for (size_t i = 0; i < sizeof number; ++i) out.push_back(static_cast<char>(number >> 8 * i));
}

}  // namespace sheaf::wire
