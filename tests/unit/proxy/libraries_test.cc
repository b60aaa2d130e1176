#include "proxy/libraries.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>

namespace sheaf {
namespace {

TEST_CASE("the version names the commit, and of each library the one that runs and the one it was built with") {
  const std::vector<Library> libraries = {{"one", "1.0", "1.0"}, {"other", "2.0", "2.1"}, {"compiled in", "3", ""}};
  CHECK(VersionText("1.2.3", "abc", libraries) ==
        "1.2.3\ncommit    abc\none       1.0\nother     2.1 (built with 2.0)\ncompiled in 3");
}

TEST_CASE("each library has a name and a version with digits") {
  const std::vector<Library> libraries = Libraries();
  CHECK(libraries.size() == 7);
  for (const Library& library : libraries) {
    CAPTURE(library.name);
    CHECK(std::any_of(library.built.begin(), library.built.end(), [](char c) { return c >= '0' && c <= '9'; }));
  }
}

TEST_CASE("the commit is a name of git's, or unknown") {
  const std::string commit(BuildCommit());
  CHECK_FALSE(commit.empty());
  CHECK(
      (commit == "unknown" || std::all_of(commit.begin(), commit.end(), [](char c) { return std::isxdigit(c) != 0; })));
}

}  // namespace
}  // namespace sheaf
