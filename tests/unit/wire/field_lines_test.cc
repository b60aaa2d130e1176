// Fields that are kept as lines.
#include "proxy/wire/field_lines.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace sheaf::wire {

TEST_CASE("fields are given back in their order, with empty values and with colons in them") {
  const FieldLines fields("Host: a:80\r\nEmpty: \r\nCookie: b=c: d\r\n");
  std::vector<std::string> seen;
  fields.ForEach(
      [&seen](const Field& field) { seen.push_back(std::string(field.name) + "|" + std::string(field.value)); });
  CHECK(seen == std::vector<std::string>{"Host|a:80", "Empty|", "Cookie|b=c: d"});
}

TEST_CASE("a field is found by its name in any case, the first of several, and all of them joined") {
  const FieldLines fields("A: 1\r\nB: 2\r\na: 3\r\n");
  CHECK(fields.Find("a") == "1");
  CHECK(fields.Find("b") == "2");
  CHECK_FALSE(fields.Find("c").has_value());
  CHECK_EQ(fields.Join("A"), "1, 3");
  CHECK(fields.Join("c").empty());
}

TEST_CASE("no fields are no fields") {
  const FieldLines none;
  none.ForEach([](const Field&) { FAIL("there is none"); });
  CHECK_FALSE(none.Find("Host").has_value());
}

}  // namespace sheaf::wire
