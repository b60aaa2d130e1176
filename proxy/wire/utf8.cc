#include "proxy/wire/utf8.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace sheaf::wire {
namespace {

constexpr size_t kBlock = 16;

// state_ is 0 between characters. Within one it holds how many bytes are missing and the range of the next one, which
// the lead byte narrows: E0 and F0 shut out overlong forms, ED surrogates, F4 all above U+10FFFF (RFC 3629 section 4).
constexpr uint32_t MakeState(uint32_t missing, uint32_t low = 0x80, uint32_t high = 0xBF) {
  return missing | low << 8 | high << 16;
}

constexpr uint32_t kInvalid = 0xFFFFFFFF;

constexpr uint32_t StateAfterLead(uint32_t lead) {
  if (lead < 0x80) return 0;
  if (lead < 0xC2) return kInvalid;
  if (lead < 0xE0) return MakeState(1);
  if (lead == 0xE0) return MakeState(2, 0xA0);
  if (lead == 0xED) return MakeState(2, 0x80, 0x9F);
  if (lead < 0xF0) return MakeState(2);
  if (lead == 0xF0) return MakeState(3, 0x90);
  if (lead < 0xF4) return MakeState(3);
  if (lead == 0xF4) return MakeState(3, 0x80, 0x8F);
  return kInvalid;
}

constexpr std::array<uint32_t, 256> kStateAfterLead = [] {
  std::array<uint32_t, 256> states{};
  for (uint32_t lead = 0; lead < states.size(); ++lead) states[lead] = StateAfterLead(lead);
  return states;
}();

constexpr uint32_t NextState(uint32_t state, uint8_t byte) {
  if (state == 0) return kStateAfterLead[byte];
  const uint32_t missing = state & 0xFF;
  if (byte < (state >> 8 & 0xFF) || byte > state >> 16) return kInvalid;
  return missing == 1 ? 0 : MakeState(missing - 1);
}

#ifdef __SSE2__
bool IsAsciiBlock(const uint8_t* bytes, uint32_t mask) {
  const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
  const __m128i key = _mm_set1_epi32(static_cast<int>(mask));
  return _mm_movemask_epi8(_mm_xor_si128(block, key)) == 0;
}
#else
bool IsAsciiBlock(const uint8_t* bytes, uint32_t mask) {
  constexpr uint64_t kHighBits = 0x8080808080808080;
  const uint64_t key = static_cast<uint64_t>(mask) << 32 | mask;
  uint64_t words[2];
  std::memcpy(words, bytes, sizeof words);
  return (((words[0] ^ key) | (words[1] ^ key)) & kHighBits) == 0;
}
#endif

}  // namespace

bool Utf8Checker::Feed(std::span<const uint8_t> bytes, uint32_t mask) {
  std::array<uint8_t, 4> key;
  std::memcpy(key.data(), &mask, key.size());

  uint32_t state = state_;
  size_t i = 0;
  while (i < bytes.size()) {
    // i is a multiple of 16 here, so that the key starts anew with every block.
    const size_t block = std::min(kBlock, bytes.size() - i);
    if (block == kBlock && state == 0 && IsAsciiBlock(bytes.data() + i, mask)) {
      i += kBlock;
      continue;
    }
    for (const size_t end = i + block; i < end; ++i) {
      state = NextState(state, static_cast<uint8_t>(bytes[i] ^ key[i % 4]));
      if (state == kInvalid) return false;
    }
  }
  state_ = state;
  return true;
}

}  // namespace sheaf::wire
