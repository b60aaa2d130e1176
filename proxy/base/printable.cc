#include "proxy/base/printable.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>

namespace sheaf {
namespace {

struct Character {
  std::string_view bytes;
  uint32_t code = 0;
  bool valid = false;
};

// The first character of `text`, which is not empty; a byte that begins none is one by itself.
Character FirstOf(std::string_view text) {
  static constexpr std::array<uint32_t, 5> kLeastOfSize = {0, 0, 0x80, 0x800, 0x10000};
  const auto byte = [text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  const Character broken{text.substr(0, 1), lead, false};
  const size_t size = lead < 0x80 ? 1 : lead >> 5 == 6 ? 2 : lead >> 4 == 14 ? 3 : lead >> 3 == 30 ? 4 : 0;
  if (size == 0 || size > text.size()) return broken;
  uint32_t code = size == 1 ? lead : lead & (0x7FU >> size);
  for (size_t i = 1; i < size; ++i) {
    if (byte(i) >> 6 != 2) return broken;
    code = code << 6 | (byte(i) & 0x3FU);
  }
  const bool is_surrogate = code >= 0xD800 && code <= 0xDFFF;
  if (code < kLeastOfSize[size] || is_surrogate || code > 0x10FFFF) return broken;
  return {text.substr(0, size), code, true};
}

// Controls, C1 controls, soft hyphen, directions of writing, line separators, byte order mark, what has no width, and
// blanks that only look like one.
bool IsObeyed(uint32_t code) {
  struct Range {
    uint32_t first, last;
  };
  static constexpr std::array kRanges = {Range{0, 0x1F},         Range{0x7F, 0xA0},     Range{0xAD, 0xAD},
                                         Range{0x61C, 0x61C},    Range{0x1680, 0x1680}, Range{0x180E, 0x180E},
                                         Range{0x2000, 0x200F},  Range{0x2028, 0x202F}, Range{0x205F, 0x206F},
                                         Range{0x3000, 0x3000},  Range{0xFEFF, 0xFEFF}, Range{0xFFF0, 0xFFFB},
                                         Range{0xE0000, 0xE0FFF}};
  return std::any_of(kRanges.begin(), kRanges.end(),
                     [code](const Range& range) { return code >= range.first && code <= range.last; });
}

std::string Show(const Character& character) {
  std::array<char, 16> escape{};
  if (character.valid && !IsObeyed(character.code)) return std::string(character.bytes);
  const char* format = character.valid && character.code > 0xFF ? "\\u%04X" : "\\x%02X";
  std::snprintf(escape.data(), escape.size(), format, character.code);
  return escape.data();
}

}  // namespace

std::string Printable(std::string_view text) {
  std::string shown;
  for (const std::string& one : PrintableEach(text)) shown += one;
  return shown;
}

std::vector<std::string> PrintableEach(std::string_view text) {
  std::vector<std::string> shown;
  while (!text.empty()) {
    const Character character = FirstOf(text);
    shown.push_back(Show(character));
    text.remove_prefix(character.bytes.size());
  }
  return shown;
}

size_t WidthOf(std::string_view shown) {
  // An escape is as wide as it is long; else one character is taken for one column.
  return shown.starts_with('\\') ? shown.size() : 1;
}

}  // namespace sheaf
