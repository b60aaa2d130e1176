#include "proxy/plan/rule_labels.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace sheaf {
namespace {

TEST_CASE("a rule is called by what it matches, then by its key") {
  CHECK(DescribeRule({.event = "price_update", .key = "/symbol"}) == "price_update /symbol");
  CHECK(DescribeRule({.pointer = "/level", .values = {std::string("high"), int64_t{-3}, true}}) ==
        "/level=high|-3|true");
  CHECK(DescribeRule({.prefix = "ALERT"}) == "ALERT*");
  CHECK(DescribeRule({.event = "e", .prefix = "42/n", .pointer = "", .values = {false}, .key = "/k"}) ==
        "e 42/n* =false /k");
  CHECK(DescribeRule({.key = ""}) == "all");
}

TEST_CASE("a long text is cut, and no character in half") {
  CHECK(DescribeRule({.event = std::string(100, 'a')}) == std::string(100, 'a'));
  CHECK(DescribeRule({.event = std::string(101, 'a')}) == std::string(100, 'a') + "...");
  CHECK(DescribeRule({.event = std::string(99, 'a') + "\xC3\xA9"}) == std::string(99, 'a') + "...");
}

TEST_CASE("rules of one list have different labels, and the routes keep their order") {
  RouteOptions first;
  first.path = "/a";
  first.critical = {{.pointer = "/p", .values = {int64_t{1}}},
                    {.pointer = "/p", .values = {std::string("1")}},
                    {.pointer = "/p", .values = {std::string("2")}},
                    {.event = "/p=1"}};
  first.conflate = {{.pointer = "/p", .values = {int64_t{1}}}};
  const std::vector<RouteLabels> labels = MakeRouteLabels({first, RouteOptions{}});
  REQUIRE(labels.size() == 2);
  CHECK(labels[0].route == "/a");
  CHECK(labels[0].critical == std::vector<std::string>{"/p=1", "/p=1 (2)", "/p=2", "/p=1 (3)"});
  CHECK(labels[0].conflated == std::vector<std::string>{"/p=1"});
  CHECK(labels[1].route == "/");
  CHECK(labels[1].critical.empty());
}

}  // namespace
}  // namespace sheaf
