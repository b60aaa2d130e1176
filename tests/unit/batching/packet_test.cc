#include "batching/packet.h"

#include <doctest/doctest.h>

namespace sheaf::batching {
namespace {

using std::string_literals::operator""s;
using std::string_view_literals::operator""sv;

std::string Repeat(std::string_view text, size_t times) {
  std::string all;
  for (; times > 0; --times) all += text;
  return all;
}

std::string Find(std::string_view json, std::string_view pointer) {
  const auto tokens = ParsePointer(pointer);
  REQUIRE(tokens);
  const auto value = FindValue(json, *tokens);
  if (!value) return "none";
  // A view into the text that was given, also where a copy had to be parsed.
  CHECK_GE(value->data(), json.data());
  CHECK_LE(value->data() + value->size(), json.data() + json.size());
  return std::string(*value);
}

}  // namespace

TEST_CASE("an event packet is taken apart up to its bracket") {
  const auto plain = ParseEventPacket(R"(42["a",1])");
  REQUIRE(plain);
  CHECK_EQ(plain->name_space, "");
  CHECK_FALSE(plain->has_ack);
  CHECK_EQ(plain->json, R"(["a",1])");

  const auto full = ParseEventPacket(R"(42/admin?x=[1],007["a")");
  REQUIRE(full);
  CHECK_EQ(full->name_space, "/admin?x=[1]");
  CHECK(full->has_ack);
  CHECK_EQ(full->json, R"(["a")");

  for (const std::string_view text :
       {"", "4", "42", "43[]", "45[]", "451-[]", "42{}", "42 []", "42/x", "42/x[]", "42x,[]", "427", "2", " 42[]"}) {
    CAPTURE(text);
    CHECK_FALSE(ParseEventPacket(text));
  }
}

TEST_CASE("an event's name is the first member, whatever is behind it") {
  CHECK_EQ(EventNameToken(R"(["a",1])"), R"("a")");
  CHECK_EQ(EventNameToken(R"([ "a\"]," , oops)"), R"("a\"],")");
  CHECK_EQ(EventNameToken(R"(["a"])"), R"("a")");
  CHECK_EQ(EventNameToken(R"(["\\"])"), R"("\\")");
  for (const std::string_view json :
       {"", "[", "[]", "[1]", R"(["a)", R"(["a")", R"(["a\")", R"(["a" 1])", R"("a")", R"({"a":1})"}) {
    CAPTURE(json);
    CHECK_EQ(EventNameToken(json), "");
  }
}

TEST_CASE("a string's escapes are resolved") {
  CHECK_EQ(DecodeString(R"("")"), ""s);
  CHECK_EQ(DecodeString(R"("\"\\\/\b\f\n\r\t")"), "\"\\/\b\f\n\r\t"s);
  CHECK_EQ(DecodeString(R"("\u0061\u00E9\u20ac\uD83D\uDE00\u0000")"), "aé€😀\0"s);
  for (const std::string_view token :
       {"", "\"", "a", "1", R"("a)", R"(a")", R"( "a")", R"("a" )", R"("a""b")", R"("\x")", R"("\u12g4")",
        R"("\ud800")", R"("\udc00")", R"("\ud800\ud800")", R"(["a"])", "\"\n\"", R"("\")"}) {
    CAPTURE(token);
    CHECK_FALSE(DecodeString(token));
  }
  CHECK_FALSE(DecodeString("\"a\0\""sv));
}

TEST_CASE("a pointer's tokens are its parts with their escapes resolved") {
  using Tokens = std::vector<std::string>;
  CHECK_EQ(ParsePointer(""), Tokens{});
  CHECK_EQ(ParsePointer("/"), Tokens{""});
  CHECK_EQ(ParsePointer("/a//0/"), Tokens{"a", "", "0", ""});
  CHECK_EQ(ParsePointer("/a~1b/~0~01"), Tokens{"a/b", "~~1"});
  for (const std::string_view pointer : {"a", "#/a", " /a", "/~", "/a~2", "/~~"}) {
    CAPTURE(pointer);
    CHECK_FALSE(ParsePointer(pointer));
  }
}

TEST_CASE("a pointer leads to the value as it stands") {
  constexpr std::string_view kJson =
      R"( {"a" : [ 10 , {"b": "x,\"]" } , [ ] ], "c":{"a":{"d":null }},"":-1.5e3,"e/f":true,"0":{"1":2}} )";
  CHECK_EQ(Find(kJson, "/a/0"), "10");
  CHECK_EQ(Find(kJson, "/a/1"), R"({"b": "x,\"]" })");
  CHECK_EQ(Find(kJson, "/a/1/b"), R"("x,\"]")");
  CHECK_EQ(Find(kJson, "/a/2"), "[ ]");
  CHECK_EQ(Find(kJson, "/c/a/d"), "null");
  CHECK_EQ(Find(kJson, "/"), "-1.5e3");
  CHECK_EQ(Find(kJson, "/e~1f"), "true");
  CHECK_EQ(Find(kJson, "/0/1"), "2");
  CHECK_EQ(Find(kJson, ""), kJson.substr(1, kJson.size() - 2));
  CHECK_EQ(Find(" 7 ", ""), "7");
  for (const std::string_view pointer : {"/a/3", "/a/-", "/a/00", "/a/01", "/a/+1", "/a/x", "/a/", "/b", "/d", "/a/0/0",
                                         "/c/d", "/c/a/d/x", "/a/18446744073709551615", "/a/18446744073709551616"}) {
    CAPTURE(pointer);
    CHECK_EQ(Find(kJson, pointer), "none");
  }
}

TEST_CASE("keys are compared after their escapes are resolved, and as a whole") {
  CHECK_EQ(Find(R"({"\u0061\n":1})", "/a\n"), "1");
  CHECK_EQ(Find(R"({"ab":1,"a":2,"abc":3})", "/a"), "2");
  CHECK_EQ(Find(R"({"a":1,"ab":2,"abc":3})", "/abc"), "3");
  CHECK_EQ(Find(R"({"a\u0000":1,"a":2})", "/a"), "2");
  CHECK_EQ(Find("{\"a\\u0000\":1}", "/a"), "none");
  // The first of two.
  CHECK_EQ(Find(R"({"a":1,"a":2})", "/a"), "1");
}

TEST_CASE("nothing is read behind the value, and all in front of it is checked") {
  CHECK_EQ(Find(R"({"a":{"b":1},oops)", "/a"), R"({"b":1})");
  CHECK_EQ(Find(R"({"a":{"b":"x",oops)", "/a/b"), R"("x")");
  CHECK_EQ(Find(R"([1,2,oops)", "/1"), "2");
  CHECK_EQ(Find(R"({"z":01,"a":1})", "/a"), "none");
  CHECK_EQ(Find(R"({"z":tru,"a":1})", "/a"), "none");
  CHECK_EQ(Find(R"({"a":012})", "/a"), "none");
  CHECK_EQ(Find(R"({"a":truex})", "/a"), "none");
  CHECK_EQ(Find(R"({"a":[1,2})", "/a"), "none");
  CHECK_EQ(Find(R"({"a" 1})", "/a"), "none");
  CHECK_EQ(Find("{\"a\":\0 1}"sv, "/a"), "none");
  CHECK_EQ(Find(R"({"z":)" + Repeat("[", 600) + Repeat("]", 600) + R"(,"a":1})", "/a"), "none");
}

TEST_CASE("extremes in front of a value do not hide it, and it stands as it stood") {
  CHECK_EQ(Find(R"({"z":"\ud800","y":1e999,"a":"\ude00"})", "/a"), R"("\ude00")");
  CHECK_EQ(Find(R"({"z":"\ud83d\ude00\ud800","a":1e999})", "/a"), "1e999");
  CHECK_EQ(Find(R"({"z":1e999,"\ud83d\ude00":1})", "/😀"), "1");
  CHECK_EQ(Find(R"({"\ud800":1,"\uffff":2,"a":3})", "/a"), "3");
  CHECK_EQ(Find(R"({"z":1e999,"\ud7ff":1})", "/\xED\x9F\xBF"), "1");
  CHECK_EQ(Find(R"({"\ud800":1,"b":2})", "/\0"sv), "none");
}

TEST_CASE("an acknowledgement is known by its beginning, with the attachments that belong to it") {
  CHECK(FramesOfAck("430[]") == 1);
  CHECK(FramesOfAck("43/admin,7[1]") == 1);
  CHECK(FramesOfAck(R"(461-3[{"_placeholder":true,"num":0}])") == 2);
  CHECK(FramesOfAck("4612-/admin,3[]") == 13);
  CHECK(FramesOfAck("46x") == 1);
  CHECK(FramesOfAck("4665535-[]") == 65535);
  CHECK(FramesOfAck("4699999999-[]") == 1);
  for (const std::string_view text : {"", "4", "42[\"a\"]", "421[\"a\"]", "45-[]", "3", "[43]", "3probe"}) {
    CHECK_FALSE(FramesOfAck(text));
  }
}

}  // namespace sheaf::batching
