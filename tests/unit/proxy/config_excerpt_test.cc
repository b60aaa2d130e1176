#include <doctest/doctest.h>

#include <algorithm>

#include "proxy/config/excerpt.h"

namespace sheaf {
namespace {

TEST_CASE("the line is shown with a caret under the place") {
  CHECK(Excerpt("a = 1\nb = x\n", {2, 1}, {2, 5}) == "    b = x\n        ^");
  CHECK(Excerpt("b = \n", {1, 1}, {1, 5}) == "    b = \n        ^");
  CHECK(Excerpt("b", {1, 1}, {1, 9}) == "    b\n     ^");
  CHECK(Excerpt("", {1, 1}, {1, 1}) == "    \n    ^");
}

TEST_CASE("columns are characters, a tab is one, and the byte order mark and the end of a line are none") {
  CHECK(Excerpt("\xEF\xBB\xBF\u00E9 = x\r\n", {1, 1}, {1, 5}) == "    \u00E9 = x\n        ^");
  CHECK(Excerpt("\tb = x", {1, 1}, {1, 6}) == "     b = x\n         ^");
}

TEST_CASE("of a long line the part around the place is shown") {
  const std::string line = "a = \"" + std::string(200, 'b') + "\" c" + std::string(200, 'd');
  const std::string shown = Excerpt(line, {1, 1}, {1, 208});
  CHECK(shown.starts_with("    ...bbb"));
  CHECK(shown.find("ddd...\n") != std::string::npos);
  const size_t end = shown.find('\n');
  const size_t caret = shown.size() - end - 2;
  CHECK(shown[caret] == 'c');
  CHECK(end <= 4 + 3 + 72 + 3);
  CHECK(Excerpt(line, {1, 1}, {1, 1}).starts_with("    a = \"bbb"));
}

TEST_CASE("what a terminal would obey is written as an escape, and the caret stands right all the same") {
  CHECK(Excerpt("a\x1B[2J = x", {1, 1}, {1, 9}) == "    a\\x1B[2J = x\n               ^");
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

TEST_CASE("what follows the name of a secret is not shown, nor what belongs to one on lines below") {
  for (const char* line : {"token = s3cret", "admin_token: s3cret", "TOKEN=\"s3cret", "password = s3cret x",
                           "api_key s3cret", "a = \"x\", token = \"s3cret\""}) {
    const std::string shown = Excerpt(line, {1, 1}, {1, 9});
    CAPTURE(shown);
    CHECK(shown.find("s3cret") == std::string::npos);
    CHECK(shown.find("<redacted>\n") != std::string::npos);
  }
  CHECK(Excerpt("token = [\n s3cret x]", {1, 9}, {2, 9}) == "    <redacted>\n    ^");
  CHECK(Excerpt("a = [\n b x]", {1, 5}, {2, 4}) == "     b x]\n       ^");
  CHECK(Excerpt("token = 1\na = [\n b x]", {2, 5}, {3, 4}) == "     b x]\n       ^");
}

}  // namespace
}  // namespace sheaf
