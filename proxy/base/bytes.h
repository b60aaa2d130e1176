// Bytes as sockets and frames have them, seen as text, and the other way round. Not copies.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace sheaf {

inline std::string_view AsText(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline std::span<const uint8_t> AsBytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace sheaf
