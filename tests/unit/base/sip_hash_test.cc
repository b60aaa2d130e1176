#include "proxy/base/sip_hash.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace sheaf {
namespace {

struct Vector {
  size_t size;
  uint64_t hash;
};

// The bytes 0, 1, 2 ... under the key 00 01 ... 0f, as OpenSSL hashes them; those of 0 and 15 are the paper's.
const std::vector<Vector> kVectors = {
    {0, 0x726fdb47dd0e0e31},  {1, 0x74f839c593dc67fd},  {7, 0xab0200f58b01d137},  {8, 0x93f5f5799a932462},
    {15, 0xa129ca6149be45e5}, {16, 0x3f2acc7f57c29bdb}, {20, 0xbed65cf21aa2ee98}, {63, 0x958a324ceb064572},
};

TEST_CASE("texts of every length modulo 8 hash as the reference does") {
  const SipKey key{0x0706050403020100, 0x0f0e0d0c0b0a0908};
  for (const Vector& vector : kVectors) {
    CAPTURE(vector.size);
    std::string text;
    for (size_t i = 0; i < vector.size; ++i) text.push_back(static_cast<char>(i));
    CHECK_EQ(SipHash(key, text), vector.hash);
  }
}

TEST_CASE("another key gives another hash, and no two random keys are the same") {
  const SipKey one = SipKey::Random();
  const SipKey two = SipKey::Random();
  CHECK((one.low != two.low && one.high != two.high));
  CHECK(SipHash(one, "sid") != SipHash(two, "sid"));
  CHECK_EQ(SipHash(one, "sid"), SipHash(one, "sid"));
}

}  // namespace
}  // namespace sheaf
