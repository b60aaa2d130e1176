#include <doctest/doctest.h>

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

TEST_CASE("a terminal obeys nothing of the line that is shown") {
  CHECK(Excerpt("a\x1B[2J = x", {1, 1}, {1, 9}) == "    a\\x1B[2J = x\n               ^");
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
