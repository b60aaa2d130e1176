#include "proxy/wire/query.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

namespace sheaf::wire {
namespace {

using Parameters = std::vector<std::pair<std::string, std::string>>;

Parameters All(std::string_view target) {
  Parameters all;
  ForEachParameter(target, [&](std::string_view name, std::string_view value) { all.emplace_back(name, value); });
  return all;
}

}  // namespace

TEST_CASE("a target's parameters come in order, as they stand") {
  CHECK(All("/a").empty());
  CHECK(All("/a?").empty());
  CHECK(All("/a?b=c") == Parameters{{"b", "c"}});
  CHECK(All("/?b=c&d&=e&&f=g=h?i&%62=+") ==
        Parameters{{"b", "c"}, {"d", ""}, {"", "e"}, {"", ""}, {"f", "g=h?i"}, {"%62", "+"}});
}

TEST_CASE("a parameter is decoded as forms are") {
  const std::vector<std::pair<std::string, std::string>> kCases = {{"", ""},
                                                                   {"plain-_.~", "plain-_.~"},
                                                                   {"a+b%20c", "a b c"},
                                                                   {"%41%62%7e%7E", "Ab~~"},
                                                                   {"%zz%4", "%zz%4"},
                                                                   {"%", "%"},
                                                                   {"100%25", "100%"},
                                                                   {"%C3%A9", "\xC3\xA9"},
                                                                   {"%%41", "%A"},
                                                                   {"%4%41", "%4A"},
                                                                   {"%00", std::string(1, '\0')}};
  for (const auto& [text, meant] : kCases) {
    CAPTURE(text);
    CHECK_EQ(DecodeParameter(text), meant);
  }
}

TEST_CASE("the first parameter of a name that has a value is found") {
  CHECK(FindParameter("/?room=7&room=8", "room") == "7");
  CHECK(FindParameter("/?room=&room=8", "room") == "8");
  CHECK(FindParameter("/?%72oom=a%2Fb", "room") == "a/b");
  CHECK(FindParameter("/?a+b=c", "a b") == "c");
  CHECK_FALSE(FindParameter("/?Room=7&rooms=8&roo=9", "room"));
  CHECK_FALSE(FindParameter("/?room", "room"));
  CHECK_FALSE(FindParameter("/room=7", "room"));
  CHECK_FALSE(FindParameter("*", "room"));
}

}  // namespace sheaf::wire
