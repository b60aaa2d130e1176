#include <doctest/doctest.h>

#include "proxy/config/patterns.h"

namespace sheaf {
namespace {

TEST_CASE("globs, expressions and parameters are told from paths, and the path that was meant is found") {
  struct Row {
    const char* path;
    const char* meant;
  };
  const Row rows[] = {
      {"/ws/*", "/ws"},
      {"/ws*", "/ws"},
      {"/ws/**", "/ws"},
      {"/*", "/"},
      {"*", "/"},
      {"^/ws/.*", "/ws"},
      {"^/ws$", "/ws"},
      {"/ws$", "/ws"},
      {"^/", "/"},
      {"/ws/.+", "/ws"},
      {"/ws(/.*)?$", "/ws"},
      {"/(api|ws)", "/"},
      {"/api/v[12]/x", "/api"},
      {"/api/v*/x", "/api"},
      {"/users/:id", "/users"},
      {"/users/:id/x", "/users"},
      {"/users/{id}", "/users"},
      {"/users/<id>", "/users"},
      {"~ ^/ws/", "/ws"},
      {"~* /ws/.*", "/ws"},
      {"= /ws", "/ws"},
      {"/a\\.b", "/"},
      {"/ws/.*", "/ws"},
      {"^/wss?/", "/"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.path);
    CHECK(PathMeantBy(row.path) == std::string(row.meant));
  }
}

TEST_CASE("a path with a character that patterns have, too, is none") {
  for (const char* path : {"/", "/ws", "/ws/", "/$metadata", "/Products(5)", "/v1/room:close", "/a+b", "/a.b",
                           "/a,b;c=d", "/~x", "/a!b", "/@a", "/:8080", "api", "", "/socket.io", "/..", "/a?b"}) {
    CAPTURE(path);
    CHECK_FALSE(PathMeantBy(path).has_value());
  }
}

TEST_CASE("patterns of event names are told from names, and the beginning that was meant is found") {
  CHECK(BeginningMeantBy("price_*") == std::string("price_"));
  CHECK(BeginningMeantBy("^price_.*") == std::string("price_"));
  CHECK(BeginningMeantBy("^price") == std::string("price"));
  CHECK(BeginningMeantBy("price.+") == std::string("price"));
  CHECK(BeginningMeantBy("price_(a|b)") == std::string("price_"));
  CHECK(BeginningMeantBy("*") == std::string());
  CHECK(BeginningMeantBy("*_update") == std::string());
  for (const char* event :
       {"price", "price.update", "a|b", "ready?", "US$", "f(x)", "a+b", "[x]", "", "a^b", "chat message"}) {
    CAPTURE(event);
    CHECK_FALSE(BeginningMeantBy(event).has_value());
  }
}

}  // namespace
}  // namespace sheaf
