// UTF-8 against a decoder written the slow way, at every cut and alignment, masked and plain.
#include "proxy/wire/utf8.h"

#include <doctest/doctest.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace sheaf::wire {
namespace {

using Bytes = std::vector<uint8_t>;

// RFC 3629 section 4 as it is written there: 1 valid, 0 the beginning of something valid, -1 hopeless.
int Judge(const Bytes& text) {
  size_t i = 0;
  while (i < text.size()) {
    const unsigned lead = text[i];
    const size_t size = lead < 0x80                    ? 1
                        : lead >= 0xC2 && lead <= 0xDF ? 2
                        : lead >= 0xE0 && lead <= 0xEF ? 3
                        : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                       : 0;
    if (size == 0) return -1;
    for (size_t k = 1; k < size; ++k) {
      if (i + k == text.size()) return 0;
      const unsigned byte = text[i + k];
      const unsigned low = k > 1 ? 0x80 : lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
      const unsigned high = k > 1 ? 0xBF : lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
      if (byte < low || byte > high) return -1;
    }
    i += size;
  }
  return 1;
}

int Check(const Bytes& text, size_t cut, uint32_t mask) {
  Bytes masked = text;
  uint8_t key[4];
  std::memcpy(key, &mask, sizeof key);
  Utf8Checker checker;
  const std::span<const uint8_t> all(masked);
  // The key starts anew with each piece.
  for (size_t i = 0; i < masked.size(); ++i)
    masked[i] = static_cast<uint8_t>(text[i] ^ key[(i < cut ? i : i - cut) % 4]);
  if (!checker.Feed(all.first(cut), mask) || !checker.Feed(all.subspan(cut), mask)) return -1;
  return checker.complete() ? 1 : 0;
}

constexpr uint32_t kMasks[] = {0, 0x3D21FA37, 0x80808080, 0xFF00FF00};

}  // namespace

TEST_CASE("every sequence of three bytes is judged as RFC 3629 says") {
  // Bytes at the edges of every range of the grammar stand for all between them.
  const Bytes edges = {0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF,
                       0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF};
  for (const uint8_t a : edges) {
    for (const uint8_t b : edges) {
      for (const uint8_t c : edges) {
        for (const uint8_t d : Bytes{0x41, 0x80, 0xBF, 0xC3}) {
          const Bytes text = {a, b, c, d};
          CAPTURE(text);
          REQUIRE_EQ(Check(text, 0, 0), Judge(text));
          // The same where whole blocks are looked at.
          for (const size_t before : {0U, 5U, 12U, 13U, 15U}) {
            Bytes block(before, 'x');
            block.insert(block.end(), text.begin(), text.end());
            block.insert(block.end(), 20, 'x');
            if (Check(block, 0, kMasks[1]) != Judge(block)) {
              CAPTURE(before);
              FAIL("judged wrongly in a block");
            }
          }
        }
      }
    }
  }
}

TEST_CASE("a character or a wrong byte is seen at every place of a block, at every cut, through every key") {
  for (const Bytes& piece : std::vector<Bytes>{{0xC3, 0xA9},
                                               {0xE2, 0x82, 0xAC},
                                               {0xF0, 0x9F, 0x93, 0x88},
                                               {0xFF},
                                               {0x80},
                                               {0xC3},
                                               {0xED, 0xA0, 0x80},
                                               {0xE2, 0x82}}) {
    for (size_t before = 0; before < 40; ++before) {
      for (const size_t after : {0U, 16U, 19U}) {
        Bytes text(before, 'a');
        text.insert(text.end(), piece.begin(), piece.end());
        text.insert(text.end(), after, 'z');
        const int expected = Judge(text);
        for (const uint32_t mask : kMasks) {
          for (size_t cut = 0; cut <= text.size(); ++cut) {
            if (Check(text, cut, mask) != expected) {
              CAPTURE(before);
              CAPTURE(cut);
              FAIL("judged wrongly");
            }
          }
        }
      }
    }
  }
}

TEST_CASE("texts of many characters, whole and with a byte changed, are judged as the slow decoder judges them") {
  std::mt19937 random(1);
  const std::vector<Bytes> characters = {{'a'},
                                         {0xC3, 0xA9},
                                         {0xDF, 0xBF},
                                         {0xE0, 0xA0, 0x80},
                                         {0xE4, 0xBD, 0xA0},
                                         {0xED, 0x9F, 0xBF},
                                         {0xF0, 0x90, 0x80, 0x80},
                                         {0xF4, 0x8F, 0xBF, 0xBF}};
  size_t right = 0;
  for (int round = 0; round < 20'000; ++round) {
    Bytes text;
    const size_t kinds = 1 + random() % characters.size();
    for (size_t count = random() % 40; count > 0; --count) {
      const Bytes& character = characters[random() % kinds];
      text.insert(text.end(), character.begin(), character.end());
    }
    if (round % 2 == 1 && !text.empty()) text[random() % text.size()] = static_cast<uint8_t>(random());
    if (round % 5 == 4) text.resize(random() % (text.size() + 1));
    const int expected = Judge(text);
    right += expected == 1 ? 1 : 0;
    if (Check(text, random() % (text.size() + 1), kMasks[random() % 4]) != expected) {
      CAPTURE(text);
      FAIL("judged wrongly");
    }
  }
  CHECK_GT(right, 5000);
  CHECK_LT(right, 15'000);
}

TEST_CASE("a wrong byte is known at once, not when the character ought to be complete") {
  Utf8Checker checker;
  const Bytes lead = {'a', 0xE2};
  const Bytes wrong = {'('};
  CHECK(checker.Feed(lead));
  CHECK_FALSE(checker.complete());
  CHECK_FALSE(checker.Feed(wrong));
}

TEST_CASE("what is no UTF-8 is replaced byte by byte, and all else stays") {
  CHECK(ValidUtf8("").empty());
  CHECK(ValidUtf8("plain \u00fc\u20ac\U0001F600") == "plain \u00fc\u20ac\U0001F600");
  CHECK(ValidUtf8("caf\xe9!") == "caf\uFFFD!");
  CHECK(ValidUtf8("\xe2\x82") == "\uFFFD\uFFFD");
  CHECK(ValidUtf8("\xe2\x82\u00fc\xff") == "\uFFFD\uFFFD\u00fc\uFFFD");
  CHECK(ValidUtf8(std::string_view("a\0\xc0\x80", 4)) == std::string("a\0\uFFFD\uFFFD", 8));
}

}  // namespace sheaf::wire
