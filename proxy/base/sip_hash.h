// SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash for tables that are asked for what strangers choose. Without
// the key nobody finds texts that share a bucket. Pure; any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace sheaf {

struct SipKey {
  uint64_t low = 0;
  uint64_t high = 0;

  // One that nobody can foresee.
  static SipKey Random();
};

uint64_t SipHash(const SipKey& key, std::string_view text);

}  // namespace sheaf
