#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "proxy/config/config.h"
#include "proxy/config/dump.h"
#include "proxy/config/rules.h"

namespace sheaf {
namespace {

// A file with one route. What follows begins on line 3.
std::string Route(const std::string& text) {
  return "[[route]]\npath = \"/a\"\n" + text + "\n";
}

Result<Configuration> Load(const std::string& text, const std::vector<std::string>& settings = {}) {
  return LoadConfiguration({"a.conf", text, {}, settings});
}

RouteOptions Valid(const std::string& text) {
  Result<Configuration> configuration = Load(Route(text));
  const std::string error = configuration.ok() ? "" : configuration.error();
  REQUIRE(error == "");
  return configuration.value().options.routes[0];
}

std::string ErrorOf(const std::string& text, const std::vector<std::string>& settings = {}) {
  const Result<Configuration> configuration = Load(text, settings);
  return configuration.ok() ? "valid" : configuration.error();
}

struct ErrorRow {
  const char* text;
  const char* error;
};

template <size_t kCount>
void CheckRoutes(const ErrorRow (&rows)[kCount]) {
  for (const ErrorRow& row : rows) {
    CAPTURE(row.text);
    CHECK(ErrorOf(Route(row.text)) == row.error);
  }
}

TEST_CASE("rules of every kind are read, with values of every type") {
  const RouteOptions route = Valid(R"(critical = [ { event = "alert" },
  { pointer = "/priority", equals = "high" },
  { pointer = "", one_of = ["high", 3, true], overtake = true },
  { prefix = "ALERT" } ]
conflate = [ { event = "price_update", key = "/symbol" }, { pointer = "/type", equals = "quote", key = "" } ])");
  REQUIRE(route.critical.size() == 4);
  CHECK(route.critical[0] == RuleOptions{.event = "alert"});
  CHECK(route.critical[1] == RuleOptions{.pointer = "/priority", .values = {std::string("high")}});
  CHECK(route.critical[2] ==
        RuleOptions{.pointer = "", .values = {std::string("high"), int64_t{3}, true}, .overtake = true});
  CHECK(route.critical[3] == RuleOptions{.prefix = "ALERT"});
  REQUIRE(route.conflate.size() == 2);
  CHECK(route.conflate[0] == RuleOptions{.event = "price_update", .key = "/symbol"});
  CHECK(route.conflate[1] == RuleOptions{.pointer = "/type", .values = {std::string("quote")}, .key = ""});
}

TEST_CASE("rules may also be written as sections of their own") {
  const RouteOptions route = Valid("[[route.critical]]\nevent = \"a\"\n[[route.critical]]\nprefix = \"b\"");
  CHECK(route.critical == std::vector<RuleOptions>{{.event = "a"}, {.prefix = "b"}});
  CHECK(ErrorOf(Route("[[route.critical]]\nevents = \"a\"")) ==
        "a.conf:4:1: unknown key \"events\" in a rule of critical; did you mean \"event\"?");
}

TEST_CASE("rules belong to their route alone") {
  const Result<Configuration> configuration = Load(Route("critical = [{ event = \"a\" }]"));
  REQUIRE(configuration.ok());
  REQUIRE(configuration.value().options.routes.size() == 2);
  CHECK(configuration.value().options.routes[1].critical.empty());
}

TEST_CASE("empty lists are right, and no rules") {
  const RouteOptions route = Valid("critical = []\nconflate = []\ndelivery = \"off\"");
  CHECK(route.critical.empty());
  CHECK(route.conflate.empty());
}

TEST_CASE("what is no list of rules is told with its place") {
  CheckRoutes({
      {"critical = \"alert\"",
       "a.conf:3:12: critical must be a list of rules such as [{ event = \"alert\" }], not \"alert\""},
      {"critical = { event = \"alert\" }",
       "a.conf:3:12: critical must be a list of rules such as [{ event = \"alert\" }], not one"},
      {"critical = [\n  { event = \"a\" },\n  \"alert\" ]",
       "a.conf:5:3: critical must hold rules such as { event = \"alert\" }, not \"alert\""},
      {"conflate = [ 3 ]", "a.conf:3:14: conflate must hold rules such as { event = \"alert\" }, not 3"},
      {"critical = [ [] ]", "a.conf:3:14: critical must hold rules such as { event = \"alert\" }, not a list"},
  });
  std::string many = "{ event = \"0\" }";
  for (size_t i = 1; i <= kMostRules; ++i) many += ", { event = \"" + std::to_string(i) + "\" }";
  CHECK(ErrorOf(Route("critical = [" + many + "]")) == "a.conf:3:12: critical must have at most 1000 rules, not 1001");
}

TEST_CASE("unknown keys are told with the nearest right one, keys of the other list with where they belong") {
  CheckRoutes({
      {"critical = [{ evnt = \"a\" }]",
       "a.conf:3:15: unknown key \"evnt\" in a rule of critical; did you mean \"event\"?"},
      {"conflate = [{ event = \"a\", kye = \"/s\" }]",
       "a.conf:3:28: unknown key \"kye\" in a rule of conflate; did you mean \"key\"?"},
      {"critical = [{ event = \"a\", something_else = 1 }]",
       "a.conf:3:28: unknown key \"something_else\" in a rule of critical; --print-default-config shows all there are"},
      {"critical = [{ event = \"a\", key = \"/s\" }]",
       "a.conf:3:28: key is for rules of conflate: a critical rule has none"},
      {"conflate = [{ event = \"a\", key = \"/s\", overtake = true }]",
       "a.conf:3:40: overtake is for critical rules: a conflation rule has none"},
      {"critcal = []", "a.conf:3:1: unknown key \"critcal\" in [[route]]; did you mean \"critical\"?"},
      {"conflat = []", "a.conf:3:1: unknown key \"conflat\" in [[route]]; did you mean \"conflate\"?"},
  });
}

TEST_CASE("values of a wrong type are told with their place") {
  CheckRoutes({
      {"critical = [{ event = 5 }]", "a.conf:3:23: critical.event must be a text in quotes, not 5"},
      {"critical = [{ prefix = [] }]", "a.conf:3:24: critical.prefix must be a text in quotes, not a list"},
      {"critical = [{ event = \"\" }]",
       "a.conf:3:23: critical.event must not be empty: leave it out where it does not matter"},
      {"critical = [{ prefix = \"\" }]",
       "a.conf:3:24: critical.prefix must not be empty: leave it out where it does not matter"},
      {"critical = [{ event = \"a\", overtake = \"yes\" }]",
       "a.conf:3:39: critical.overtake must be true or false, without quotes, not \"yes\""},
      {"critical = [{ pointer = \"/a\", equals = 1.5 }]",
       "a.conf:3:40: critical.equals must be a text, a whole number, true or false, not a fraction"},
      {"critical = [{ pointer = \"/a\", equals = [1] }]",
       "a.conf:3:40: critical.equals must be a text, a whole number, true or false, not a list"},
      {"critical = [{ pointer = \"/a\", one_of = \"x\" }]",
       "a.conf:3:40: critical.one_of must be a list such as [\"high\", 3, true], not \"x\""},
      {"critical = [{ pointer = \"/a\", one_of = [1,\n  2024-01-01] }]",
       "a.conf:4:3: critical.one_of must be a text, a whole number, true or false, not a date or a time of day"},
      {"critical = [{ pointer = \"/a\", one_of = [] }]",
       "a.conf:3:40: critical.one_of is empty, and nothing is one of nothing: name at least one value"},
  });
}

TEST_CASE("a malformed pointer is told with its place, and a forgotten slash with its remedy") {
  const std::string form =
      " must be a JSON Pointer (RFC 6901): \"\" for the whole, or names each after a \"/\", with ~ written ~0 and a "
      "\"/\" within a name ~1, not ";
  CHECK(ErrorOf(Route("critical = [{ pointer = \"priority\", equals = 1 }]")) ==
        "a.conf:3:25: critical.pointer" + form + "\"priority\"; did you mean \"/priority\"?");
  CHECK(ErrorOf(Route("critical = [{ pointer = \"/a~2\", equals = 1 }]")) ==
        "a.conf:3:25: critical.pointer" + form + "\"/a~2\"");
  CHECK(ErrorOf(Route("critical = [{ pointer = \"/a~\", equals = 1 }]")) ==
        "a.conf:3:25: critical.pointer" + form + "\"/a~\"");
  CHECK(ErrorOf(Route("conflate = [{ key = \"symbol\" }]")) ==
        "a.conf:3:21: conflate.key" + form + "\"symbol\"; did you mean \"/symbol\"?");
  CHECK(ErrorOf(Route("conflate = [{ key = 1 }]")) == "a.conf:3:21: conflate.key" + form + "1");
  CHECK(Valid("conflate = [{ key = \"/a~0b~1c//\" }]").conflate[0].key == "/a~0b~1c//");
}

TEST_CASE("a pointer and the value that it leads to belong together") {
  CheckRoutes({
      {"critical = [{ pointer = \"/a\" }]",
       "a.conf:3:15: pointer needs something to compare with: add equals = VALUE or one_of = [VALUES]"},
      {"critical = [{ event = \"a\", equals = 1 }]",
       "a.conf:3:28: equals needs the place of the value that it compares: add pointer, such as \"/type\""},
      {"conflate = [{ key = \"/s\", one_of = [1] }]",
       "a.conf:3:27: one_of needs the place of the value that it compares: add pointer, such as \"/type\""},
      {"critical = [{ pointer = \"/a\", equals = 1, one_of = [2] }]",
       "a.conf:3:43: a rule has equals or one_of, not both: name all values in one_of"},
  });
}

TEST_CASE("a critical rule for every message and a conflation rule without a key are errors") {
  CheckRoutes({
      {"critical = [{ }]",
       "a.conf:3:13: a critical rule must have event, prefix or pointer: without, every message is critical"},
      {"critical = [{ overtake = true }]",
       "a.conf:3:13: a critical rule must have event, prefix or pointer: without, every message is critical"},
      {"conflate = [{ event = \"a\" }]",
       "a.conf:3:13: a conflation rule must have a key, such as key = \"/symbol\": messages with the same value there "
       "replace one another"},
  });
}

TEST_CASE("a prefix that the event cannot have is an error") {
  const std::string error = ", but with 42[\"a\" or, in a namespace, 42/name,[: remove event or prefix";
  for (const char* prefix :
       {"x", "43", "421[", "42/n,1[", "42 [", "4[", "42[1", "42[\\\"b", "42[\\\"aa", "42[\\\"a\\\"x\\\"", "42{"}) {
    CAPTURE(prefix);
    const std::string message =
        ErrorOf(Route(std::string("critical = [{ event = \"a\", prefix = \"") + prefix + "\" }]"));
    const bool possible =
        std::string(prefix) == "42[\\\"a\\\"x\\\"";  // the name is right; what follows is not looked at
    if (possible) {
      CHECK(message == "valid");
      continue;
    }
    CHECK(message.starts_with("a.conf:3:37: no Socket.IO event \"a\" without acknowledgement begins with \""));
    CHECK(message.ends_with(error));
  }
  for (const char* prefix : {"4", "42", "42[", "42[ \\\"", "42[\\\"a", "42[\\\"a\\\"", "42[\\\"a\\\",{",
                             "42[\\\"\\\\u0061", "42/", "42/admin", "42/admin,", "42/admin,[", "42/admin,[\\\"a\\\""}) {
    CAPTURE(prefix);
    CHECK(Valid(std::string("critical = [{ event = \"a\", prefix = \"") + prefix + "\" }]").critical.size() == 1);
  }
}

TEST_CASE("a conflation rule whose prefix no replaceable message can have is an error") {
  CHECK(
      ErrorOf(Route("conflate = [{ prefix = \"ALERT\", key = \"/s\" }]")) ==
      "a.conf:3:24: no message that begins with \"ALERT\" can be conflated, but JSON objects and arrays, and Socket.IO "
      "events without acknowledgement (42[...): correct the prefix");
  for (const char* prefix : {"A", "43", "45", "421[", "\\\"text", "{x", "{ x", "[x", "[A]", "true", "3"}) {
    CAPTURE(prefix);
    CHECK(ErrorOf(Route(std::string("conflate = [{ prefix = \"") + prefix + "\", key = \"/s\" }]"))
              .starts_with("a.conf:3:24: no message that begins with"));
  }
  for (const char* prefix : {"{", " {", "{\\\"type\\\":\\\"quote\\\"", "{ \\\"", "[", "[{", "[ 1", "4", "42", "42[",
                             "42/a,[", "42[\\\"price", " "}) {
    CAPTURE(prefix);
    CHECK(Valid(std::string("conflate = [{ prefix = \"") + prefix + "\", key = \"/s\" }]").conflate.size() == 1);
  }
}

TEST_CASE("a rule that an earlier one leaves nothing to is an error") {
  const std::string error =
      " this rule is never reached, since all that it matches is matched by the one on line 3, column 13: remove it, "
      "or "
      "write it before that";
  const auto of = [](const std::string& list, const std::string& first, const std::string& second) {
    return ErrorOf(Route(list + " = [{ " + first + " },\n  { " + second + " }]"));
  };
  CHECK(of("critical", "event = \"a\"", "event = \"a\"") == "a.conf:4:3:" + error);
  CHECK(of("critical", "event = \"a\"", "event = \"a\", overtake = true") == "a.conf:4:3:" + error);
  CHECK(of("critical", "event = \"a\"", "event = \"a\", pointer = \"/x\", equals = 1") == "a.conf:4:3:" + error);
  CHECK(of("critical", "prefix = \"AL\"", "prefix = \"ALERT\"") == "a.conf:4:3:" + error);
  CHECK(of("critical", "pointer = \"/x\", one_of = [1, 2]", "event = \"a\", pointer = \"/x\", equals = 2") ==
        "a.conf:4:3:" + error);
  CHECK(of("conflate", "key = \"/s\"", "event = \"a\", key = \"/s\"") == "a.conf:4:3:" + error);

  CHECK(of("critical", "event = \"a\"", "event = \"b\"") == "valid");
  CHECK(of("critical", "event = \"a\", pointer = \"/x\", equals = 1", "event = \"a\"") == "valid");
  CHECK(of("critical", "prefix = \"ALERT\"", "prefix = \"AL\"") == "valid");
  CHECK(of("critical", "pointer = \"/x\", equals = 1", "pointer = \"/x\", equals = \"1\"") == "valid");
  CHECK(of("critical", "pointer = \"/x\", equals = 1", "pointer = \"/x\", one_of = [1, 2]") == "valid");
  CHECK(of("critical", "pointer = \"/x\", equals = 1", "pointer = \"/y\", equals = 1") == "valid");
  // Where the first one finds no key, the second one may find its.
  CHECK(of("conflate", "event = \"a\", key = \"/s\"", "event = \"a\", key = \"/t\"") == "valid");
}

TEST_CASE("conflation rules where nothing is gathered are an error, also where that is inherited") {
  const std::string rules = "conflate = [{ key = \"/s\" }]";
  CHECK(
      ErrorOf(Route("delivery = \"off\"\n" + rules)) ==
      "a.conf:4:1: conflate never acts where delivery is \"off\", since no message waits: set delivery = \"cork\", or "
      "remove conflate");
  const std::string inherited =
      "conflate never acts where delivery is \"off\" (inherited from batching.delivery), since no message waits: set "
      "delivery = \"cork\", or remove conflate";
  CHECK(ErrorOf("[batching]\ndelivery = \"off\"\n" + Route(rules)) == "a.conf:5:1: " + inherited);
  CHECK(ErrorOf(Route(rules), {"batching.delivery=off"}) == "a.conf:3:1: " + inherited);
  CHECK(ErrorOf("[batching]\ndelivery = \"off\"\n" + Route("delivery = \"cork\"\n" + rules)) == "valid");
  CHECK(ErrorOf(Route("delivery = \"off\"\ncritical = [{ event = \"a\" }]")) == "valid");
}

TEST_CASE("slow_client = conflate needs conflation rules") {
  CHECK(ErrorOf(Route("slow_client = \"conflate\"")) ==
        "a.conf:3:15: slow_client = \"conflate\" needs conflation rules: add conflate to this route, or choose "
        "\"pause\", "
        "\"drop_oldest\" or \"close\"");
  CHECK(ErrorOf(Route("slow_client = \"conflate\"\nconflate = [{ key = \"/s\" }]")) == "valid");
  const std::string everywhere =
      "batching.slow_client is \"conflate\", but no [[route]] has conflation rules: add some, or choose \"pause\", "
      "\"drop_oldest\" or \"close\"";
  CHECK(ErrorOf("[batching]\nslow_client = \"conflate\"\n") == "a.conf:2:15: " + everywhere);
  CHECK(ErrorOf("", {"batching.slow_client=conflate"}) == "--set batching.slow_client: " + everywhere);
  // It suffices that one route has some; the others then pause.
  CHECK(ErrorOf("[batching]\nslow_client = \"conflate\"\n" + Route("conflate = [{ key = \"/s\" }]")) == "valid");
}

TEST_CASE("rules that are faulty themselves are not missed as well") {
  CHECK(ErrorOf(Route("slow_client = \"conflate\"\nconflate = [{ kye = \"/s\" }]")) ==
        "a.conf:4:15: unknown key \"kye\" in a rule of conflate; did you mean \"key\"?");
  CHECK(ErrorOf("[batching]\nslow_client = \"conflate\"\n" + Route("conflate = [{ kye = \"/s\" }]")) ==
        "a.conf:5:15: unknown key \"kye\" in a rule of conflate; did you mean \"key\"?");
}

TEST_CASE("a route's batch must fit below the mark from which on a client is slow") {
  CHECK(ErrorOf(Route("max_bytes = \"1MiB\"")) ==
        "a.conf:3:13: max_bytes (1MiB) must be at most limits.buffer_high (256KiB): change one of them");
  CHECK(ErrorOf("[limits]\nbuffer_high = \"1MiB\"\n" + Route("max_bytes = \"1MiB\"")) == "valid");
}

TEST_CASE("all errors of all rules are told, from the file's top") {
  const std::string error = ErrorOf(Route("critical = [{ evnt = \"a\" }, { }]\nconflate = [{ event = \"a\" }]"));
  const size_t second = error.find("\na.conf:3:29: a critical rule must have");
  const size_t third = error.find("\na.conf:4:13: a conflation rule must have");
  CHECK(error.starts_with("a.conf:3:15: unknown key"));
  CHECK(second != std::string::npos);
  CHECK(third != std::string::npos);
  CHECK(second < third);
}

TEST_CASE("a rule is written as it can be read again") {
  CHECK(FormatRule(RuleList::kCritical, {.event = "a\"b", .overtake = true}) ==
        "{ event = \"a\\\"b\", overtake = true }");
  CHECK(FormatRule(RuleList::kConflate, {.prefix = "{", .pointer = "", .values = {std::string("x")}, .key = ""}) ==
        "{ prefix = \"{\", pointer = \"\", equals = \"x\", key = \"\" }");
  CHECK(FormatRule(RuleList::kCritical, {.pointer = "/l", .values = {std::string("h"), int64_t{-3}, false}}) ==
        "{ pointer = \"/l\", one_of = [\"h\", -3, false] }");
}

TEST_CASE("the dump has the rules with where they came from, and loads again") {
  const std::string text = Route(R"(conflate = [{ key = "" }, { event = "e", key = "/a~1b" }]
  critical = [{ prefix = "say \"\u0001\"" }])");
  const Result<Configuration> configuration = Load(text);
  REQUIRE(configuration.ok());
  const std::string dump = DumpConfiguration(configuration.value());
  CHECK(dump.find("conflate = [  # a.conf:3:12\n  { key = \"\" },\n  { event = \"e\", key = \"/a~1b\" },\n]\n") !=
        std::string::npos);
  CHECK(dump.find("critical = [  # a.conf:4:14\n") != std::string::npos);
  CHECK(dump.find("conflate = []  # default\n") != std::string::npos);  // of the route for all the rest
  const Result<Configuration> again = Load(dump);
  REQUIRE(again.ok());
  REQUIRE(again.value().options.routes.size() == 2);
  for (size_t i = 0; i < 2; ++i) {
    CHECK(again.value().options.routes[i].critical == configuration.value().options.routes[i].critical);
    CHECK(again.value().options.routes[i].conflate == configuration.value().options.routes[i].conflate);
  }
}

}  // namespace
}  // namespace sheaf
