// The one normal form of a target (hardening row 20): what is routed is what is forwarded.
#include <string>
#include <vector>

#include "tests/unit/wire/http1_test_util.h"

namespace sheaf::wire {

TEST_CASE("targets that name the same resource have one normal form") {
  struct Case {
    std::string target;
    std::string normal;
  };
  for (const Case& c : std::vector<Case>{
           {"/", "/"},
           {"*", "*"},
           {"/a/b", "/a/b"},
           {"/a/b/", "/a/b/"},
           {"/a%62c", "/abc"},
           {"/%41%7e%2D%5F", "/A~-_"},
           {"/a%2fb", "/a%2Fb"},
           {"/caf%c3%a9", "/caf%C3%A9"},
           {"/a%20b%25", "/a%20b%25"},
           {"/a/./b", "/a/b"},
           {"/a/.", "/a/"},
           {"/./a", "/a"},
           {"/.", "/"},
           {"/a/../b", "/b"},
           {"/a/b/..", "/a/"},
           {"/a/b/../", "/a/"},
           {"/a/b/../../c", "/c"},
           {"/a/..", "/"},
           {"/a/%2e%2E/b", "/b"},
           {"/a/.%2e/b", "/b"},
           {"/a/%2e/b", "/a/b"},
           {"/.hidden", "/.hidden"},
           {"/..hidden/...", "/..hidden/..."},
           {"/a..b/c.", "/a..b/c."},
           {"//a", "//a"},
           {"/a//b", "/a//b"},
           {"/a//", "/a//"},
           {"/a//../b", "/b"},
           {"/a/b//../c", "/a/c"},
           {"/a/b/..//c", "/a//c"},
           {"/a//./b", "/a//b"},
           {"/a/../b?c=/../%2e%zz%00", "/b?c=/../%2e%zz%00"},
           {"/?/..", "/?/.."},
           {"/a?", "/a?"},
           {"/%3f/..?", "/?"},
       }) {
    CAPTURE(c.target);
    REQUIRE_EQ(NormalizeTarget(c.target).value_or("refused"), c.normal);
    // What is forwarded must not change when another proxy normalizes it again.
    CHECK_EQ(NormalizeTarget(c.normal).value_or("refused"), c.normal);
  }
}

TEST_CASE("a target that climbs over the root, or whose escapes are malformed, is refused") {
  for (const std::string target :
       {"/..",         "/../",  "/../a",  "/a/../..", "/%2e%2e/a", "/a/%2E./../b", "//..",     "//../a", "/./..",
        "/a//../../b", "/%00",  "/a%00b", "/%",       "/%4",       "/a%4",         "/%zz",     "/%4g",   "/%g4",
        "/%%41",       "/a%?b", "",       "a",        "a/b",       "?a",           "http://a/"}) {
    CAPTURE(target);
    CHECK_EQ(NormalizeTarget(target).value_or("refused"), "refused");
  }
}

TEST_CASE("a reserved path is recognized in every form in which a lenient backend would read it as that path") {
  for (const std::string path : {"/internal/memory", "/internal%2Fmemory", "//internal/memory", "/internal//memory",
                                 "/internal%2F/memory", "/internal/x%2F..%2Fmemory", "/x%2F..%2Finternal/memory"}) {
    CAPTURE(path);
    CHECK(MayBeTakenFor(path, "/internal/memory"));
  }
  for (const std::string path : {"/", "/internal", "/internal/memory/", "/internal/memory%20", "/internal%252Fmemory",
                                 "/a/internal/memory", "/internal/Memory", "/..%2Finternal"}) {
    CAPTURE(path);
    CHECK_FALSE(MayBeTakenFor(path, "/internal/memory"));
  }
  CHECK(MayBeTakenFor("/caf%C3%A9", "/caf%C3%A9"));
  CHECK(MayBeTakenFor("/x%2F..%2F.sheaf%2F/mux", "/.sheaf/mux"));
  CHECK_FALSE(MayBeTakenFor("/.sheaf/muxer", "/.sheaf/mux"));
}

}  // namespace sheaf::wire
