#include "proxy/base/printable.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace sheaf {

TEST_CASE("a terminal obeys nothing of a shown text") {
  for (const std::string_view bad : {"\x1B[0m",
                                     "\xC2\x9B"
                                     "31m",
                                     "\u202Ea",
                                     "\u200Ba",
                                     "\u2066a",
                                     "\xFF",
                                     "\x07",
                                     "\x7F",
                                     "\xE2\x80",
                                     "\xC0\x9B",
                                     "\xC1\xBD",
                                     "\xE0\x80\x9B",
                                     "\xED\xA0\x80",
                                     "\xF4\x90\x80\x80",
                                     "\xC2\xA0",
                                     "\u2003",
                                     "\uFEFFa",
                                     "\u2028a",
                                     "\r",
                                     "\n"}) {
    const std::string shown = Printable(bad);
    CAPTURE(shown);
    CHECK(shown.starts_with("\\"));
    CHECK(std::all_of(shown.begin(), shown.end(), [](char c) { return c >= ' ' && c <= '~'; }));
  }
  CHECK(Printable("plain, \u00E9 and \u20AC \\ \"") == "plain, \u00E9 and \u20AC \\ \"");
}

TEST_CASE("escapes are as wide as they are long, and other characters one column") {
  const std::vector<std::string> shown = PrintableEach("a\u00E9\x1B");
  REQUIRE(shown.size() == 3);
  CHECK(WidthOf(shown[0]) == 1);
  CHECK(WidthOf(shown[1]) == 1);
  CHECK(WidthOf(shown[2]) == 4);
}

}  // namespace sheaf
