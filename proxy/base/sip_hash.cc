#include "proxy/base/sip_hash.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

#include "proxy/base/random.h"

namespace sheaf {
namespace {

struct State {
  uint64_t v0, v1, v2, v3;

  void Round() {
    v0 += v1;
    v2 += v3;
    v1 = std::rotl(v1, 13) ^ v0;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 = std::rotl(v0, 32);
    v2 += v1;
    v0 += v3;
    v1 = std::rotl(v1, 17) ^ v2;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 = std::rotl(v2, 32);
  }

  void Compress(uint64_t word) {
    v3 ^= word;
    Round();
    Round();
    v0 ^= word;
  }
};

uint64_t LittleEndian(const char* bytes, size_t size) {
  uint64_t word = 0;
  for (size_t i = 0; i < size; ++i) word |= uint64_t{static_cast<uint8_t>(bytes[i])} << (8 * i);
  return word;
}

}  // namespace

SipKey SipKey::Random() {
  std::array<uint8_t, 16> bytes;
  FillRandom(bytes);
  SipKey key;
  std::memcpy(&key.low, bytes.data(), 8);
  std::memcpy(&key.high, bytes.data() + 8, 8);
  return key;
}

uint64_t SipHash(const SipKey& key, std::string_view text) {
  State state{key.low ^ 0x736f6d6570736575, key.high ^ 0x646f72616e646f6d, key.low ^ 0x6c7967656e657261,
              key.high ^ 0x7465646279746573};
  const uint64_t length = uint64_t{text.size()} << 56;
  for (; text.size() >= 8; text.remove_prefix(8)) state.Compress(LittleEndian(text.data(), 8));
  state.Compress(length | LittleEndian(text.data(), text.size()));
  state.v2 ^= 0xFF;
  for (int i = 0; i < 4; ++i) state.Round();
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

}  // namespace sheaf
