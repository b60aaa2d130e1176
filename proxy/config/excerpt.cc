#include "proxy/config/excerpt.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <vector>

#include "proxy/base/ascii.h"
#include "proxy/base/option_table.h"

namespace sheaf {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kHidden = "<redacted>";
constexpr std::string_view kIndent = "    ";
// So many characters of a line are shown, half of them before the caret.
constexpr size_t kMostShown = 72;

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

// One element a character of `line`; a tab is a blank, so that the caret stands right.
std::vector<std::string> ShowEach(std::string_view line) {
  std::vector<std::string> shown;
  while (!line.empty()) {
    const Character character = FirstOf(line);
    shown.push_back(character.bytes == "\t" ? " " : Show(character));
    line.remove_prefix(character.bytes.size());
  }
  return shown;
}

size_t WidthOf(const std::string& shown) {
  // An escape is as wide as it is long; else one character is taken for one column.
  return shown.starts_with('\\') ? shown.size() : 1;
}

// The end of the last secret's name in `text`; npos: there is none.
size_t EndOfSecretName(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) { return ToLower(c); });
  std::vector<std::string_view> names = {"secret", "passw", "credential", "authorization", "api_key", "apikey"};
  for (const OptionRow& row : OptionRows()) {
    if (row.secret) names.push_back(row.name);
  }
  size_t end = std::string::npos;
  for (const std::string_view name : names) {
    // The first: all that follows is hidden.
    if (const size_t at = lower.find(name); at != std::string::npos) end = std::min(end, at + name.size());
  }
  return end;
}

std::string WithCaret(const std::string& line, size_t blanks) {
  return std::string(kIndent) + line + "\n" + std::string(kIndent) + std::string(blanks, ' ') + "^";
}

std::string RedactedExcerpt(std::string_view line) {
  const size_t end = EndOfSecretName(line);
  std::string shown;
  if (end != std::string_view::npos) {
    for (const std::string& one : ShowEach(line.substr(0, end))) shown += one;
    shown += " ";
  }
  // A name this long is none.
  if (shown.size() > kMostShown) shown.clear();
  const size_t blanks = shown.size();
  return WithCaret(shown + std::string(kHidden), blanks);
}

}  // namespace

std::string_view LinesOf(std::string_view text, uint32_t first, uint32_t last) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  size_t begin = 0;
  for (uint32_t line = 1; line < first && begin != std::string_view::npos; ++line) {
    begin = text.find('\n', begin);
    if (begin != std::string_view::npos) ++begin;
  }
  if (begin == std::string_view::npos) return text.substr(text.size());
  size_t end = text.find('\n', begin);
  for (uint32_t line = first; line < last && end != std::string_view::npos; ++line) end = text.find('\n', end + 1);
  std::string_view lines = text.substr(begin, end == std::string_view::npos ? end : end - begin);
  if (lines.ends_with('\r')) lines.remove_suffix(1);
  return lines;
}

std::string_view LineOf(std::string_view text, uint32_t number) {
  return LinesOf(text, number, number);
}

std::string Printable(std::string_view text) {
  std::string shown;
  while (!text.empty()) {
    const Character character = FirstOf(text);
    shown += Show(character);
    text.remove_prefix(character.bytes.size());
  }
  return shown;
}

bool NamesSecret(std::string_view lines) {
  return EndOfSecretName(lines) != std::string_view::npos;
}

std::string Excerpt(std::string_view text, Position begin, Position place) {
  const std::string_view line = LineOf(text, place.line);
  if (NamesSecret(LinesOf(text, begin.line, place.line))) return RedactedExcerpt(line);
  const std::vector<std::string> shown = ShowEach(line);
  const size_t caret = std::min<size_t>(place.column == 0 ? 0 : place.column - 1, shown.size());
  size_t first = 0;
  size_t last = shown.size();
  if (shown.size() > kMostShown) {
    first = caret > kMostShown / 2 ? std::min(caret - kMostShown / 2, shown.size() - kMostShown) : 0;
    last = first + kMostShown;
  }
  std::string part = first > 0 ? "..." : "";
  size_t blanks = part.size();
  for (size_t i = first; i < last; ++i) {
    if (i < caret) blanks += WidthOf(shown[i]);
    part += shown[i];
  }
  if (last < shown.size()) part += "...";
  return WithCaret(part, blanks);
}

}  // namespace sheaf
