// SHA-256 (FIPS 180-4), for telling texts apart without keeping them.
#pragma once

#include <string>
#include <string_view>

namespace sheaf::wire {

// 64 lower-case hexadecimal digits.
std::string Sha256Hex(std::string_view bytes);

}  // namespace sheaf::wire
