#include "proxy/plan/routes.h"

#include <doctest/doctest.h>

namespace sheaf {
namespace {

Routes MakeRoutes(const std::vector<std::string>& paths) {
  Options options;
  for (const std::string& path : paths) options.routes.push_back(InheritRoute(options, path));
  return Routes(options);
}

TEST_CASE("without routes everything belongs to the global options") {
  Options options;
  options.limits.max_body = 77;
  const Routes routes(options);
  CHECK(routes.Match("/").path == "/");
  CHECK(routes.Match("/a/b").max_body == 77);
  CHECK(routes.Match("*").max_body == 77);
  CHECK(routes.Match("").max_body == 77);
}

TEST_CASE("a route has its path and what lies below it, but not its longer neighbours") {
  const Routes routes = MakeRoutes({"/api"});
  CHECK(routes.Match("/api").path == "/api");
  CHECK(routes.Match("/api/").path == "/api");
  CHECK(routes.Match("/api/x").path == "/api");
  CHECK(routes.Match("/api?x=1").path == "/api");
  CHECK(routes.Match("/apix").path == "/");
  CHECK(routes.Match("/ap").path == "/");
  CHECK(routes.Match("/API").path == "/");
}

TEST_CASE("the longest prefix wins in any order of the file") {
  for (const std::vector<std::string>& paths :
       {std::vector<std::string>{"/", "/api", "/api/v2"}, std::vector<std::string>{"/api/v2", "/", "/api"}}) {
    const Routes routes = MakeRoutes(paths);
    CHECK(routes.Match("/api/v2/x").path == "/api/v2");
    CHECK(routes.Match("/api/v22").path == "/api");
    CHECK(routes.Match("/other").path == "/");
  }
}

TEST_CASE("a route's path is brought into the form of the requests") {
  CHECK(NormalizeRoutePath("/") == "/");
  CHECK(NormalizeRoutePath("/api") == "/api");
  CHECK(NormalizeRoutePath("/api/") == "/api");
  CHECK(NormalizeRoutePath("/a/../%7Ex/") == "/~x");
}

TEST_CASE("what no request path can begin with is no route") {
  for (const char* path : {"", "api", "/a?b", "/a#b", "/a b", "/%00", "/%zz", "/../..", "/caf\xC3\xA9", "/a\n"}) {
    CAPTURE(path);
    CHECK_FALSE(NormalizeRoutePath(path).has_value());
  }
}

}  // namespace
}  // namespace sheaf
