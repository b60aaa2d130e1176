#include "batching/json.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstdint>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace sheaf::batching {
namespace {

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

bool IsHexDigit(char c) {
  return IsDigit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

// Most of what is asked about is no space, and larger than all of them.
bool IsSpace(char c) {
  return static_cast<unsigned char>(c) <= ' ' && (c == ' ' || c == '\n' || c == '\r' || c == '\t');
}

// What may not stand for itself in a string: its end, an escape, and control characters.
bool IsSpecial(char c) {
  return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20;
}

// The first special character of a string's inside; `end` if there is none.
const char* FindSpecial(const char* at, const char* end) {
#ifdef __SSE2__
  for (; end - at >= 16; at += 16) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i quote = _mm_cmpeq_epi8(block, _mm_set1_epi8('"'));
    const __m128i backslash = _mm_cmpeq_epi8(block, _mm_set1_epi8('\\'));
    const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(block, _mm_set1_epi8(0x1F)), block);
    const int found = _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), control));
    if (found != 0) return at + std::countr_zero(static_cast<unsigned>(found));
  }
#endif
  while (at != end && !IsSpecial(*at)) ++at;
  return at;
}

// Reads a text once, from its beginning to its end, in a loop and not by recursion. Functions that return bool take
// what they are named after, or say that something else is there: then the text is no JSON.
class Reader {
 public:
  Reader(std::string_view text, size_t max_depth)
      : at_(text.data()), end_(text.data() + text.size()), max_depth_(max_depth) {
    assert(max_depth <= brackets_.size());
  }

  bool Text() {
    Next next = Next::kValue;
    while (next == Next::kValue || next == Next::kRest) next = next == Next::kValue ? TakeValue() : TakeRest();
    return next == Next::kEnd;
  }

 private:
  // What may come next: a value; what may follow one; nothing, where the text ends in order, or where it is wrong.
  enum class Next : uint8_t { kValue, kRest, kEnd, kWrong };

  // A scalar, or the beginning of an object or array up to its first value.
  Next TakeValue() {
    SkipSpace();
    if (at_ == end_) return Next::kWrong;
    switch (*at_++) {
      case '{':
        return Open('}');
      case '[':
        return Open(']');
      case '"':
        return RestIf(RestOfString());
      case 't':
        return RestIf(Word("rue"));
      case 'f':
        return RestIf(Word("alse"));
      case 'n':
        return RestIf(Word("ull"));
      default:
        --at_;
        return RestIf(Number());
    }
  }

  Next Open(char closing) {
    if (depth_ == max_depth_) return Next::kWrong;
    SkipSpace();
    if (Take(closing)) return Next::kRest;
    brackets_[depth_++] = closing;
    return BeginMember();
  }

  // A comma and what is in front of the next value, or the end of an object or array, or of the text.
  Next TakeRest() {
    SkipSpace();
    if (depth_ == 0) return at_ == end_ ? Next::kEnd : Next::kWrong;
    if (Take(',')) return BeginMember();
    return RestIf(Take(brackets_[--depth_]));
  }

  // Of an object the name in front of the value; of an array nothing.
  Next BeginMember() {
    if (brackets_[depth_ - 1] == ']') return Next::kValue;
    SkipSpace();
    if (!Take('"') || !RestOfString()) return Next::kWrong;
    SkipSpace();
    return Take(':') ? Next::kValue : Next::kWrong;
  }

  static Next RestIf(bool taken) { return taken ? Next::kRest : Next::kWrong; }

  // From behind the opening quote.
  bool RestOfString() {
    for (;;) {
      at_ = FindSpecial(at_, end_);
      if (Take('"')) return true;
      if (!Take('\\') || !Escape()) return false;
    }
  }

  // From behind the backslash.
  bool Escape() {
    if (at_ == end_) return false;
    if (*at_ != 'u') return std::string_view(R"("\/bfnrt)").find(*at_++) != std::string_view::npos;
    if (end_ - at_ < 5 || !std::all_of(at_ + 1, at_ + 5, IsHexDigit)) return false;
    at_ += 5;
    return true;
  }

  // RFC 8259 section 6.
  bool Number() {
    Take('-');
    if (!Take('0') && !Digits()) return false;
    if (Take('.') && !Digits()) return false;
    if (!Take('e') && !Take('E')) return true;
    if (!Take('+')) Take('-');
    return Digits();
  }

  bool Digits() {
    const char* const begin = at_;
    while (at_ != end_ && IsDigit(*at_)) ++at_;
    return at_ != begin;
  }

  bool Word(std::string_view word) {
    if (!std::string_view(at_, end_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  bool Take(char c) {
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }

  void SkipSpace() {
    while (at_ != end_ && IsSpace(*at_)) ++at_;
  }

  const char* at_;
  const char* const end_;
  const size_t max_depth_;
  size_t depth_ = 0;
  std::array<char, 2 * kMaxDepth> brackets_;  // that close the objects and arrays that are open
};

}  // namespace

bool IsJson(std::string_view text, size_t max_depth) {
  return Reader(text, max_depth).Text();
}

}  // namespace sheaf::batching
