#include "proxy/wire/cookies.h"

#include <doctest/doctest.h>

namespace sheaf::wire {
namespace {

std::optional<std::string_view> Find(std::vector<Field> fields, std::string_view name) {
  RequestHead request;
  request.fields = std::move(fields);
  return FindCookie(request, name);
}

}  // namespace

TEST_CASE("a cookie is found in its field, wherever it stands") {
  const std::vector<Field> one = {{"Host", "a"}, {"cookie", "a=1; session=s-1;b=2 ;  c=x=y"}};
  CHECK(Find(one, "a") == "1");
  CHECK(Find(one, "session") == "s-1");
  CHECK(Find(one, "b") == "2");
  CHECK(Find(one, "c") == "x=y");
  for (const char* missing : {"", "A", "Session", "sess", "ession", "x", "1", "Host"}) CHECK_FALSE(Find(one, missing));
}

TEST_CASE("of several the first that is not empty counts, over all fields") {
  const std::vector<Field> two = {{"Cookie", "a=; flag; b=1; b=2"}, {"Cookie", "a=3; b=4; d=\"q\""}};
  CHECK(Find(two, "a") == "3");
  CHECK(Find(two, "b") == "1");
  CHECK(Find(two, "d") == "\"q\"");
  CHECK_FALSE(Find(two, "flag"));
}

TEST_CASE("without cookies there is none, and other fields are not read") {
  CHECK_FALSE(Find({}, "a"));
  CHECK_FALSE(Find({{"Cookie", ""}}, "a"));
  CHECK_FALSE(Find({{"Cookie", ";;=;=1"}}, "a"));
  CHECK_FALSE(Find({{"Set-Cookie", "a=1"}, {"Cookies", "a=1"}}, "a"));
}

}  // namespace sheaf::wire
