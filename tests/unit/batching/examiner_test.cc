#include "batching/examiner.h"

#include <doctest/doctest.h>

#include <limits>
#include <optional>
#include <string>

namespace sheaf::batching {
namespace {

using Rules = std::vector<RuleOptions>;

MessageRef Text(std::string_view text) {
  static MessageStore store;
  return store.Intern(wire::Opcode::kText, text);
}

MessageRef Binary(std::string_view bytes) {
  static MessageStore store;
  return store.Intern(wire::Opcode::kBinary, bytes);
}

MessageFacts FactsOf(const RuleSet& rules, const MessageRef& message) {
  MessageFacts facts;
  rules.Examine(*message, facts);
  return facts;
}

bool IsCritical(const RuleOptions& rule, std::string_view text) {
  return FactsOf(RuleSet({rule}, {}), Text(text)).critical;
}

RuleOptions Pointer(std::string pointer, std::vector<RuleValue> values) {
  RuleOptions rule;
  rule.pointer = std::move(pointer);
  rule.values = std::move(values);
  return rule;
}

// The text of the key; "-" when no rule lets the message be replaced.
std::string KeyOf(const Rules& conflate, std::string_view text) {
  const MessageRef message = Text(text);
  const MessageFacts facts = FactsOf(RuleSet({}, conflate), message);
  return facts.replaceable ? std::string(message->text().substr(facts.key_offset, facts.key_size)) : "-";
}

std::string ScopeOf(const Rules& conflate, std::string_view text) {
  const MessageFacts facts = FactsOf(RuleSet({}, conflate), Text(text));
  REQUIRE(facts.replaceable);
  return std::string(text.substr(0, facts.scope_size));
}

TEST_CASE("a rule by event matches the events of that name alone, in any namespace") {
  const RuleOptions rule{.event = "alert"};
  CHECK(IsCritical(rule, R"(42["alert"])"));
  CHECK(IsCritical(rule, R"(42["alert",{"a":1}])"));
  CHECK(IsCritical(rule, R"(42/admin,["alert",1])"));
  CHECK_FALSE(IsCritical(rule, R"(42["alerts",1])"));
  CHECK_FALSE(IsCritical(rule, R"(42["aler",1])"));
  CHECK_FALSE(IsCritical(rule, R"(42["x","alert"])"));
  CHECK_FALSE(IsCritical(rule, R"(42[["alert"]])"));
  CHECK_FALSE(IsCritical(rule, R"(["alert",1])"));
  CHECK_FALSE(IsCritical(rule, R"(alert)"));
}

TEST_CASE("an event's name is compared after its escapes are resolved") {
  CHECK(IsCritical({.event = "alert"}, R"(42["\u0061lert"])"));
  CHECK(IsCritical({.event = "say \"hi\""}, R"(42["say \"hi\""])"));
  CHECK(IsCritical({.event = "prix-\xC3\xA9"}, R"(42["prix-\u00e9"])"));
  CHECK(IsCritical({.event = "prix-\xC3\xA9"}, "42[\"prix-\xC3\xA9\"]"));
  CHECK_FALSE(IsCritical({.event = "\\u0061lert"}, R"(42["\u0061lert"])"));
}

TEST_CASE("a rule by event matches no acknowledgement and no binary event") {
  const RuleOptions rule{.event = "alert"};
  CHECK(IsCritical(rule, R"(4213["alert"])"));
  CHECK(IsCritical(rule, R"(42/admin,1["alert"])"));
  CHECK_FALSE(IsCritical(rule, R"(43["alert"])"));
  CHECK_FALSE(IsCritical(rule, R"(4313["alert"])"));
  CHECK_FALSE(IsCritical(rule, R"(451-["alert",{"_placeholder":true,"num":0}])"));
}

TEST_CASE("a prefix is compared with the raw text") {
  CHECK(IsCritical({.prefix = "ALERT"}, "ALERT: fire"));
  CHECK(IsCritical({.prefix = "ALERT"}, "ALERT"));
  CHECK_FALSE(IsCritical({.prefix = "ALERT"}, "ALER"));
  CHECK_FALSE(IsCritical({.prefix = "ALERT"}, " ALERT"));
  CHECK_FALSE(IsCritical({.prefix = "ALERT"}, "alert"));
}

TEST_CASE("no rule matches a binary message") {
  const RuleSet rules({{.prefix = "{"}}, {{.key = "/s"}});
  const MessageFacts facts = FactsOf(rules, Binary(R"({"s":1})"));
  CHECK_FALSE(facts.critical);
  CHECK_FALSE(facts.replaceable);
}

TEST_CASE("a pointer leads into the message, or into the first argument of an event") {
  const RuleOptions rule = Pointer("/a/0/b", {int64_t{7}});
  CHECK(IsCritical(rule, R"({"x":{},"a":[{"b":7}]})"));
  CHECK(IsCritical(rule, R"(42["any",{"a":[{"b":7}]},{"offset":1}])"));
  CHECK(IsCritical(rule, R"(42/admin,["any",{"a":[{"b":7}]}])"));
  CHECK_FALSE(IsCritical(rule, R"(42["any",1,{"a":[{"b":7}]}])"));
  CHECK_FALSE(IsCritical(rule, R"({"a":[{"b":8}]})"));
  CHECK_FALSE(IsCritical(rule, R"({"a":[{},{"b":7}]})"));
  CHECK_FALSE(IsCritical(rule, R"(42["any"])"));
  CHECK_FALSE(IsCritical(rule, "no JSON"));
  CHECK(IsCritical(Pointer("/a~1b/~0", {true}), R"({"a/b":{"~":true}})"));
}

TEST_CASE("the empty pointer means the whole message or the whole first argument") {
  const RuleOptions rule = Pointer("", {int64_t{42}, std::string("high")});
  CHECK(IsCritical(rule, "42"));
  CHECK(IsCritical(rule, " \"high\"\n"));
  CHECK(IsCritical(rule, R"(42["level","high"])"));
  CHECK_FALSE(IsCritical(rule, "42 43"));
  CHECK_FALSE(IsCritical(rule, R"(42/admin,17["level",1])"));
  CHECK_FALSE(IsCritical(rule, "\"high\"est"));
  CHECK_FALSE(IsCritical(rule, ""));
}

TEST_CASE("a value is equal in type and in what it means, not in how it is written") {
  const auto matches = [](RuleValue value, const std::string& json) {
    return IsCritical(Pointer("/v", {std::move(value)}), "{\"v\":" + json + "}");
  };
  CHECK(matches(std::string("high"), R"("high")"));
  CHECK(matches(std::string("high"), R"("h\u0069gh")"));
  CHECK(matches(std::string("a\"\n"), R"("a\"\n")"));
  CHECK(matches(std::string(), R"("")"));
  CHECK_FALSE(matches(std::string("high"), R"("higher")"));
  CHECK_FALSE(matches(std::string("3"), "3"));
  CHECK_FALSE(matches(std::string("true"), "true"));
  CHECK_FALSE(matches(std::string("null"), "null"));
  CHECK(matches(true, "true"));
  CHECK(matches(false, "false"));
  CHECK_FALSE(matches(true, "false"));
  CHECK_FALSE(matches(true, "\"true\""));
  CHECK_FALSE(matches(true, "1"));
  CHECK_FALSE(matches(false, "null"));
  CHECK_FALSE(matches(false, "0"));
  CHECK_FALSE(matches(int64_t{1}, "true"));
  CHECK_FALSE(matches(int64_t{3}, "\"3\""));
  CHECK_FALSE(matches(int64_t{0}, "[]"));
}

TEST_CASE("numbers are compared exactly, in whatever form they stand") {
  struct Row {
    int64_t number;
    const char* json;
    bool equal;
  };
  constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  const Row rows[] = {
      {3, "3", true},
      {3, "3.0", true},
      {3, "3e0", true},
      {3, "0.3e1", true},
      {3, "30E-1", true},
      {3, "0.003e+3", true},
      {300, "3e2", true},
      {1020, "1020", true},
      {1020, "102e1", true},
      {-3, "-3.00", true},
      {0, "0", true},
      {0, "-0.0e5", true},
      {0, "0e999999999999999999999", true},
      {3, "-3", false},
      {-3, "3", false},
      {3, "3.5", false},
      {3, "33", false},
      {3, "30", false},
      {3, "3e1", false},
      {3, "0.3", false},
      {3, "3.00000000000000000000000000000000001", false},
      {0, "1e-999999999999999999999", false},
      {3, "3e999999999999999999999", false},
      {kMost, "9223372036854775807", true},
      {kMost, "9.223372036854775807e18", true},
      {kMost, "9223372036854775808", false},
      {kMost, "9223372036854775806", false},
      {kLeast, "-9223372036854775808", true},
      {kLeast, "9223372036854775808", false},
      {kLeast, "-9223372036854775807", false},
      {1, "18446744073709551617", false},  // 1 + 2^64
      {0, "18446744073709551616", false},
      {1'000'000'000'000'000'000, "1e18", true},
      {1'000'000'000'000'000'000, "1e19", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.number);
    CAPTURE(row.json);
    CHECK(IsCritical(Pointer("/v", {row.number}), std::string("{\"v\":") + row.json + "}") == row.equal);
  }
}

TEST_CASE("one of several values is enough, and all that a rule names must hold") {
  RuleOptions rule = Pointer("/level", {std::string("high"), int64_t{3}, true});
  CHECK(IsCritical(rule, R"({"level":"high"})"));
  CHECK(IsCritical(rule, R"({"level":3})"));
  CHECK(IsCritical(rule, R"({"level":true})"));
  CHECK_FALSE(IsCritical(rule, R"({"level":"low"})"));
  rule.event = "alarm";
  CHECK(IsCritical(rule, R"(42["alarm",{"level":3}])"));
  CHECK_FALSE(IsCritical(rule, R"(42["alert",{"level":3}])"));
  CHECK_FALSE(IsCritical(rule, R"(42["alarm",{"level":4}])"));
  CHECK_FALSE(IsCritical(rule, R"({"level":3})"));
  rule.prefix = "42/admin,";
  CHECK(IsCritical(rule, R"(42/admin,["alarm",{"level":3}])"));
  CHECK_FALSE(IsCritical(rule, R"(42["alarm",{"level":3}])"));
}

TEST_CASE("the message is read no further than to the value that the rule asks for") {
  CHECK(IsCritical(Pointer("/a", {int64_t{1}}), R"({"a":1,"rest": not JSON)"));
  CHECK(IsCritical({.event = "alert"}, R"(42["alert", not JSON)"));
}

TEST_CASE("of each list the first rule that matches counts") {
  const RuleSet rules({{.event = "a"}, {.prefix = "42", .overtake = true}, {.event = "b"}},
                      {{.event = "a", .key = "/none"}, {.key = "/s"}, {.event = "a", .key = "/s"}});
  CHECK(rules.critical_rules() == 3);
  CHECK(rules.conflate_rules() == 3);
  MessageFacts facts = FactsOf(rules, Text(R"(42["a",{"s":1}])"));
  CHECK(facts.critical);
  CHECK(facts.critical_rule == 0);
  CHECK_FALSE(facts.overtake);
  CHECK(facts.conflate_rule == 1);  // the first one matches, but finds no key
  facts = FactsOf(rules, Text(R"(42["b",{"s":1}])"));
  CHECK(facts.critical_rule == 1);
  CHECK(facts.overtake);
}

TEST_CASE("the key is the JSON text of the value, wherever it stands") {
  const Rules rules = {{.event = "price", .key = "/symbol"}};
  CHECK(KeyOf(rules, R"(42["price",{"p":1,"symbol":"ABC"}])") == R"("ABC")");
  CHECK(KeyOf(rules, R"(42["price",{"symbol": 17 }])") == "17");
  CHECK(KeyOf(rules, R"(42["price",{"symbol":{"a":[1]}}])") == R"({"a":[1]})");
  CHECK(KeyOf(rules, R"(42["price",{"symbol":"ABC"},"offset-9"])") == R"("ABC")");
  CHECK(KeyOf(rules, R"(42["price",{"p":1}])") == "-");
  CHECK(KeyOf(rules, R"(42["price"])") == "-");
  CHECK(KeyOf(rules, R"(42["prices",{"symbol":"ABC"}])") == "-");
  const Rules quotes = {{.pointer = "/type", .values = {std::string("quote")}, .key = "/symbol"}};
  CHECK(KeyOf(quotes, R"( {"symbol":"A","type":"quote"})") == R"("A")");
  CHECK(KeyOf(quotes, R"({"type":"trade","symbol":"A"})") == "-");
}

TEST_CASE("the empty key is the whole message or the whole first argument") {
  const Rules rules = {{.key = ""}};
  CHECK(KeyOf(rules, " {\"a\":1}\n") == R"({"a":1})");
  CHECK(KeyOf(rules, R"(42["x", [1] ])") == "[1]");
  CHECK(KeyOf(rules, R"({"a":1}{"a":2})") == "-");
}

TEST_CASE("nothing that must arrive is ever replaced") {
  const Rules rules = {{.key = ""}, {.key = "/0"}, {.prefix = "4", .key = ""}};
  for (const char* text : {R"(4217["price",{"s":1}])",
                           R"(42/a,1["price",{"s":1}])",
                           R"(43[1])",
                           R"(4317[1])",
                           "40",
                           "41",
                           R"(44{"m":1})",
                           R"(451-["price",{"_placeholder":true,"num":0}])",
                           R"(461-7[{"_placeholder":true,"num":0}])",
                           "2",
                           "3",
                           "6",
                           R"(0{"sid":"x"})",
                           "42[",
                           "42[]",
                           "42[5,1]",
                           "42",
                           "\"text\"",
                           "true",
                           "",
                           " ",
                           "text"}) {
    CAPTURE(text);
    CHECK(KeyOf(rules, text) == "-");
  }
}

TEST_CASE("namespace and event belong to the key") {
  const Rules rules = {{.key = "/s"}};
  CHECK(ScopeOf(rules, R"({"s":1})") == "");
  CHECK(ScopeOf(rules, R"(42["price",{"s":1}])") == R"(42["price")");
  CHECK(ScopeOf(rules, R"(42["volume",{"s":1}])") == R"(42["volume")");
  CHECK(ScopeOf(rules, R"(42/b,["price",{"s":1}])") == R"(42/b,["price")");
}

// Says that it was asked.
class CountingEncoder final : public Encoder {
 public:
  Verdict Examine(const Message& message) const override {
    ++asked;
    return {.carriable = message.size() < 3, .look_alike = message.size() == 2};
  }
  std::optional<Escape> EscapeLarge(wire::Opcode /*opcode*/, std::string_view /*beginning*/) const override {
    return std::nullopt;
  }
  wire::Opcode Encode(std::span<const MessageRef> /*messages*/, std::string& /*out*/) const override {
    return wire::Opcode::kText;
  }
  size_t Overhead(size_t /*count*/) const override { return 0; }
  mutable int asked = 0;
};

TEST_CASE("a message is examined once for all sessions of an examiner, and anew for another examiner") {
  const CountingEncoder encoder;
  const RuleSet rules({{.prefix = "a"}}, {});
  const RuleSet none({}, {});
  const Examiner first(&encoder, rules);
  const Examiner second(nullptr, none);
  const MessageRef message = Text("ab");
  for (int i = 0; i < 3; ++i) {
    const MessageFacts& facts = first.Examine(*message);
    CHECK(facts.carriable);
    CHECK(facts.look_alike);
    CHECK(facts.critical);
  }
  CHECK(encoder.asked == 1);
  CHECK(second.Examine(*message).carriable);
  CHECK_FALSE(message->facts.look_alike);
  CHECK_FALSE(message->facts.critical);
  CHECK(first.Examine(*message).critical);
  CHECK(encoder.asked == 2);
  CHECK_FALSE(first.Examine(*Text("abc")).carriable);
}

TEST_CASE("an examiner that comes to lie where another one lay examines anew") {
  const RuleSet rules({{.prefix = "a"}}, {});
  const RuleSet none({}, {});
  const MessageRef message = Text("ab");
  std::optional<Examiner> examiner;
  examiner.emplace(nullptr, rules);
  CHECK(examiner->Examine(*message).critical);
  examiner.emplace(nullptr, none);
  CHECK_FALSE(examiner->Examine(*message).critical);
}

TEST_CASE("without an envelope every message can be carried, for it has a frame of its own") {
  const RuleSet none({}, {});
  CHECK(none.empty());
  const Examiner examiner(nullptr, none);
  CHECK(examiner.Examine(*Binary("x")).carriable);
  CHECK(examiner.Examine(*Text("")).carriable);
}

TEST_CASE("on a Socket.IO session only events that nobody confirms may be dropped, elsewhere every message") {
  CHECK(IsDroppable(*Text(R"(42["a",1])"), true));
  CHECK(IsDroppable(*Text(R"(42/b,["a",1])"), true));
  for (const char* text :
       {R"(421["a"])", R"(431["a"])", R"(451-["a",{"_placeholder":true,"num":0}])", "40", "41", "2", "0{}", "x", ""}) {
    CAPTURE(text);
    CHECK_FALSE(IsDroppable(*Text(text), true));
    CHECK(IsDroppable(*Text(text), false));
  }
  CHECK_FALSE(IsDroppable(*Binary(R"(42["a",1])"), true));
  CHECK(IsDroppable(*Binary(""), false));
}

}  // namespace
}  // namespace sheaf::batching
