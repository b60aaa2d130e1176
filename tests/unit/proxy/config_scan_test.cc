#include <doctest/doctest.h>

#include <string>

#include "proxy/config/scan.h"

namespace sheaf {
namespace {

// What is open at the text's end, outermost first: `]` a list's, `H` a header's, `}` a table's, or the quotes of a
// text, each with line and column of its beginning.
std::string OpenIn(std::string_view text) {
  std::string open;
  for (const OpenPart& part : FindOpenParts(text, {1000, 1})) {
    open += part.kind == OpenPart::Kind::kHeader ? "H" : std::string(part.end);
    open += std::to_string(part.begin.line) + ":" + std::to_string(part.begin.column) + " ";
  }
  return open;
}

TEST_CASE("lists, tables, texts and headers are open until they are closed") {
  CHECK(OpenIn("a = 1\n[b]\nc = [1, {d = \"]\"}]\n[[e]]\n").empty());
  CHECK(OpenIn("a = [1,\n {b = ") == "]1:5 }2:2 ");
  CHECK(OpenIn("[pool") == "H1:1 ");
  CHECK(OpenIn("a = 1\n  [[route]") == "H2:3 ");
  CHECK(OpenIn("a = \"b") == "\"1:5 ");
  CHECK(OpenIn("a = '''\n'b'\n") == "'''1:5 ");
  CHECK(OpenIn("a = [\n[1") == "]1:5 ]2:1 ");
}

TEST_CASE("quotes, brackets and number signs mean nothing in a text, nor does an escaped quote end one") {
  CHECK(OpenIn("a = \"[{#'\" # [\"\nb = 1").empty());
  CHECK(OpenIn("a = \"\\\"[\"").empty());
  CHECK(OpenIn("a = 'b\\'").empty());
  CHECK(OpenIn("a = \"\"\"b\"c\"\"\"").empty());
}

TEST_CASE("what comes behind the place does not count, and columns are characters") {
  CHECK(FindOpenParts("a = [1]", {1, 5}).empty());
  CHECK(FindOpenParts("a = [1]", {1, 6}).size() == 1);
  CHECK(OpenIn("\u00E9 = [") == "]1:5 ");
  CHECK(OpenIn("\xEF\xBB\xBF"
               "a = [") == "]1:5 ");
}

}  // namespace
}  // namespace sheaf
