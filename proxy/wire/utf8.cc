#include "proxy/wire/utf8.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

#include "proxy/wire/mask.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace sheaf::wire {
namespace {

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
constexpr size_t kBlock = 16;

__m128i LoadBlock(const uint8_t* bytes, __m128i key) {
  return _mm_xor_si128(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes)), key);
}
__m128i KeyOf(uint32_t mask) {
  return _mm_set1_epi32(static_cast<int>(mask));
}

// Which bytes of a block they are: bit n for byte n.
uint32_t NotAscii(__m128i block) {
  return static_cast<uint32_t>(_mm_movemask_epi8(block));
}
uint32_t Equal(__m128i block, int byte) {
  return NotAscii(_mm_cmpeq_epi8(block, _mm_set1_epi8(static_cast<char>(byte))));
}
uint32_t AtLeast(__m128i block, int least) {
  return NotAscii(_mm_cmpeq_epi8(_mm_max_epu8(block, _mm_set1_epi8(static_cast<char>(least))), block));
}

// How many bytes at the front are known to be ASCII: all of them, or some blocks.
size_t AsciiPrefix(std::span<const uint8_t> bytes, uint32_t mask) {
  const uint8_t* const data = bytes.data();
  const size_t size = bytes.size();
  if (size < kBlock) return 0;
  const __m128i key = KeyOf(mask);
  size_t i = 0;
  for (; size - i >= 2 * kBlock; i += 2 * kBlock) {
    const __m128i both = _mm_or_si128(LoadBlock(data + i, key), LoadBlock(data + i + kBlock, key));
    if (NotAscii(both) != 0) break;
  }
  if (size - i >= kBlock && NotAscii(LoadBlock(data + i, key)) == 0) i += kBlock;
  if (size - i >= kBlock) return i;
  // The last block overlaps with the one before.
  const size_t last = size - kBlock;
  return NotAscii(LoadBlock(data + last, KeyOf(RotateMask(mask, last)))) == 0 ? size : i;
}

// Of a block that begins with a character: how many bytes are whole characters. 0: something is wrong.
size_t WholeCharacters(__m128i block) {
  constexpr uint32_t kAll = 0xFFFF;
  const uint32_t leads = AtLeast(block, 0xC2);
  const uint32_t continuations = NotAscii(block) & ~AtLeast(block, 0xC0);
  const uint32_t wanted = leads << 1 | AtLeast(block, 0xE0) << 2 | AtLeast(block, 0xF0) << 3;
  const uint32_t from_90 = AtLeast(block, 0x90);
  const uint32_t from_a0 = AtLeast(block, 0xA0);
  const uint32_t wrong = AtLeast(block, 0xF5) | (wanted ^ continuations) | ((leads | continuations) ^ NotAscii(block)) |
                         (Equal(block, 0xE0) << 1 & ~from_a0) | (Equal(block, 0xED) << 1 & from_a0) |
                         (Equal(block, 0xF0) << 1 & ~from_90) | (Equal(block, 0xF4) << 1 & from_90);
  if ((wrong & kAll) != 0) return 0;
  // The last lead may want what is behind the block.
  return wanted > kAll ? static_cast<size_t>(std::bit_width(leads)) - 1 : kBlock;
}
#else
size_t AsciiPrefix(std::span<const uint8_t> bytes, uint32_t mask) {
  constexpr uint64_t kHighBits = 0x8080808080808080;
  const uint64_t key = static_cast<uint64_t>(mask) << 32 | mask;
  size_t i = 0;
  for (uint64_t word; bytes.size() - i >= sizeof word; i += sizeof word) {
    std::memcpy(&word, &bytes[i], sizeof word);
    if (((word ^ key) & kHighBits) != 0) break;
  }
  return i;
}
#endif

// Feed from byte `i` on. Apart, so that what is ASCII pays for nothing else.
[[gnu::noinline]] bool FeedFrom(size_t i, std::span<const uint8_t> bytes, uint32_t mask, uint32_t& state) {
  std::array<uint8_t, 4> key;
  std::memcpy(key.data(), &mask, key.size());
  while (i < bytes.size()) {
#ifdef __SSE2__
    if (state == 0 && bytes.size() - i >= kBlock) {
      const __m128i block = LoadBlock(&bytes[i], KeyOf(RotateMask(mask, i)));
      const size_t taken =
          NotAscii(block) == 0 ? AsciiPrefix(bytes.subspan(i), RotateMask(mask, i)) : WholeCharacters(block);
      if (taken == 0) return false;
      i += taken;
      continue;
    }
#endif
    state = NextState(state, static_cast<uint8_t>(bytes[i] ^ key[i % 4]));
    if (state == kInvalid) return false;
    ++i;
  }
  return true;
}

}  // namespace

bool Utf8Checker::Feed(std::span<const uint8_t> bytes, uint32_t mask) {
  const size_t ascii = state_ == 0 ? AsciiPrefix(bytes, mask) : 0;
  return ascii == bytes.size() || FeedFrom(ascii, bytes, mask, state_);
}

namespace {

bool IsWhole(std::string_view text) {
  Utf8Checker checker;
  return checker.Feed({reinterpret_cast<const uint8_t*>(text.data()), text.size()}) && checker.complete();
}

}  // namespace

std::string ValidUtf8(std::string_view text) {
  if (IsWhole(text)) return std::string(text);
  constexpr size_t kLongest = 4;  // bytes of a character
  std::string valid;
  while (!text.empty()) {
    size_t length = 1;
    while (length < std::min(kLongest, text.size()) && !IsWhole(text.substr(0, length))) ++length;
    const bool whole = IsWhole(text.substr(0, length));
    valid.append(whole ? text.substr(0, length) : "\uFFFD");
    text.remove_prefix(whole ? length : 1);
  }
  return valid;
}

}  // namespace sheaf::wire
