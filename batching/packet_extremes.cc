#include "batching/packet_extremes.h"

namespace sheaf::batching {
namespace {

constexpr auto kNone = std::string_view::npos;
constexpr size_t kEscapeSize = 6;  // \uXXXX

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

size_t SkipDigits(std::string_view text, size_t i) {
  while (i < text.size() && IsDigit(text[i])) ++i;
  return i;
}

// Whether all of `text` is a number of RFC 8259 section 6.
bool IsNumber(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  size_t i = text.starts_with('0') ? 1 : SkipDigits(text, 0);
  if (i == 0) return false;
  if (i < text.size() && text[i] == '.') {
    const size_t fraction = i + 1;
    i = SkipDigits(text, fraction);
    if (i == fraction) return false;
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    const size_t exponent = i;
    i = SkipDigits(text, exponent);
    if (i == exponent) return false;
  }
  return i == text.size();
}

// From the first character of a number to behind the last that could belong to it.
size_t RewriteNumber(std::string& text, size_t begin) {
  const size_t found = text.find_first_not_of("0123456789+-.eE", begin);
  const size_t end = found == kNone ? text.size() : found;
  const size_t size = end - begin;
  if (size > 2 && IsNumber(std::string_view(text).substr(begin, size))) {
    text.replace(begin, size, size, '0');
    text[begin + 1] = '.';
  }
  return end;
}

enum class Escape { kOther, kFirstHalf, kSecondHalf };

Escape EscapeAt(std::string_view text, size_t i) {
  const std::string_view escape = text.substr(i, kEscapeSize);
  if (escape.size() < kEscapeSize || !escape.starts_with("\\u") || (escape[2] | 0x20) != 'd') return Escape::kOther;
  if (escape.find_first_not_of("0123456789abcdefABCDEF", 2) != kNone) return Escape::kOther;
  if (escape[3] < '8') return Escape::kOther;
  return escape[3] <= '9' || (escape[3] | 0x20) <= 'b' ? Escape::kFirstHalf : Escape::kSecondHalf;
}

// From behind the opening quote to behind the closing one.
size_t RewriteString(std::string& text, size_t i) {
  while (i < text.size() && text[i] != '"') {
    if (text[i] != '\\') {
      ++i;
      continue;
    }
    const Escape escape = EscapeAt(text, i);
    if (escape == Escape::kOther) {
      i += 2;
    } else if (escape == Escape::kFirstHalf && EscapeAt(text, i + kEscapeSize) == Escape::kSecondHalf) {
      i += 2 * kEscapeSize;
    } else {
      text.replace(i + 2, 4, "FFFF");
      i += kEscapeSize;
    }
  }
  return i + 1;
}

}  // namespace

std::string WithoutExtremes(std::string_view text) {
  std::string copy(text);
  for (size_t i = 0; i < copy.size();) {
    if (copy[i] == '"') {
      i = RewriteString(copy, i + 1);
    } else if (IsDigit(copy[i]) || copy[i] == '-') {
      i = RewriteNumber(copy, i);
    } else {
      ++i;
    }
  }
  return copy;
}

}  // namespace sheaf::batching
