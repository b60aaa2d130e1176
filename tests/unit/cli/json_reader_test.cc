#include "proxy/cli/json_reader.h"

#include <doctest/doctest.h>

namespace sheaf::cli {

TEST_CASE("values are found by names with points between them") {
  const auto json =
      Json::Parse(R"({"a":{"b":{"c":1.5}},"t":"x","yes":true,"list":[{"n":1},{"n":2}],"big":12345678901})");
  REQUIRE(json);
  CHECK(json->Number("a.b.c") == 1.5);
  CHECK(json->Text("a.b.c") == "1.5");
  CHECK(json->Text("big") == "12345678901");
  CHECK(json->Text("t") == "x");
  CHECK(json->True("yes"));
  CHECK(json->Text("yes") == "true");
  REQUIRE(json->Items("list").size() == 2);
  CHECK(json->Items("list")[1].Number("n") == 2);
  CHECK(json->Members("a").at(0).first == "b");
}

TEST_CASE("what is missing, or of another kind, reads as nothing") {
  const auto json = Json::Parse(R"({"t":"x","n":1,"none":null})");
  REQUIRE(json);
  for (const char* path : {"x", "t.x", "n.x.y", "none", ""}) {
    CAPTURE(path);
    CHECK(json->Number(path) == 0);
    CHECK(json->Text(path).empty());
    CHECK_FALSE(json->True(path));
    CHECK(json->Items(path).empty());
  }
  CHECK(json->Number("t") == 0);
  CHECK(json->Members("t").empty());
  CHECK_FALSE(json->At("x").exists());
  CHECK(Json().Text().empty());
}

TEST_CASE("what is no JSON is none, however deep it is") {
  for (const char* text : {"", "{", "{}x", "not json"}) CHECK_FALSE(Json::Parse(text));
  CHECK_FALSE(Json::Parse(std::string(1'000'000, '[')));
}

TEST_CASE("texts and names are for a terminal") {
  const auto json = Json::Parse("{\"a\\u001B[2J\":\"x\\u001B[1;1Hy\\u202E\\n\"}");
  REQUIRE(json);
  CHECK(json->Members().at(0).first == "a\\x1B[2J");
  CHECK(json->Members().at(0).second.Text() == "x\\x1B[1;1Hy\\u202E\\x0A");
  CHECK(json->Members().at(0).second.RawText() == "x\x1B[1;1Hy\u202E\n");
}

}  // namespace sheaf::cli
