#include "proxy/wire/sha256.h"

#include <openssl/sha.h>

#include <array>
#include <cstdint>

namespace sheaf::wire {

std::string Sha256Hex(std::string_view bytes) {
  std::array<uint8_t, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), digest.data());
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const uint8_t byte : digest) text.append({kDigits[byte >> 4], kDigits[byte & 15]});
  return text;
}

}  // namespace sheaf::wire
