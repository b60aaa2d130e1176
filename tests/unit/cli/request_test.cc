#include "proxy/cli/request.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <initializer_list>
#include <set>
#include <utility>

namespace sheaf::cli {
namespace {

using Arguments = std::initializer_list<std::pair<std::string_view, std::string>>;

const CommandRow& Find(std::string_view name) {
  const auto all = Commands();
  const auto row = std::find_if(all.begin(), all.end(), [name](const CommandRow& one) { return one.name == name; });
  REQUIRE(row != all.end());
  return *row;
}

Asking Ask(std::string_view name, Arguments arguments) {
  Asking asking{.command = &Find(name), .given = {}};
  for (const auto& [argument, value] : arguments) {
    const auto rows = asking.command->arguments;
    const auto row =
        std::find_if(rows.begin(), rows.end(), [&](const ArgumentRow& one) { return one.name == argument; });
    REQUIRE(row != rows.end());
    asking.given.push_back({&*row, value});
  }
  return asking;
}

AdminRequest Build(std::string_view name, Arguments arguments) {
  Result<AdminRequest> request = BuildRequest(Ask(name, arguments));
  REQUIRE(request.ok());
  return request.value();
}

std::string ErrorOf(std::string_view name, Arguments arguments) {
  const Result<AdminRequest> request = BuildRequest(Ask(name, arguments));
  REQUIRE_FALSE(request.ok());
  return request.error();
}

// A file of the test's with these bytes.
class BytesFile {
 public:
  explicit BytesFile(std::string_view bytes) : path_("/tmp/sheaf-request-test-" + std::to_string(getpid())) {
    std::ofstream(path_, std::ios::binary) << bytes;
  }
  BytesFile(const BytesFile&) = delete;
  BytesFile& operator=(const BytesFile&) = delete;
  ~BytesFile() { std::remove(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

}  // namespace

TEST_CASE("a GET has its arguments in the query, escaped, or behind the path") {
  CHECK(Build("stats", {}).target == "/api/performance/websocket/stats");
  CHECK(Build("connections", {}).target == "/connections");
  const AdminRequest all = Build("connections", {{"--user", "a&b =\xC3\xA9"}, {"--sort", "rate"}, {"--limit", "10"}});
  CHECK(all.method == "GET");
  CHECK(all.target == "/connections?user=a%26b%20%3D%C3%A9&sort=rate&limit=10");
  CHECK(all.body.empty());
  CHECK(Build("connections", {{"ID", "2-1f/a"}}).target == "/connections/2-1f%2Fa");
}

TEST_CASE("a POST has them in its body, in the form that each asks for") {
  const AdminRequest close =
      Build("close", {{"--user", "al\"ice"}, {"--code", "1008"}, {"--reason", "out"}, {"--over", "10s"}});
  CHECK(close.method == "POST");
  CHECK(close.target == "/close");
  CHECK(close.body == R"({"user_id":"al\"ice","code":1008,"reason":"out","over":"10s"})");
  CHECK(Build("close", {{"--all", ""}}).body == R"({"all":true})");
  CHECK(Build("rebalance", {{"--share", "25%"}, {"--over", "1m"}}).body == R"({"share":0.25,"over":"1m"})");
  CHECK(Build("rebalance", {{"--share", "0.5"}}).body == R"({"share":0.5})");
  CHECK(Build("log-level", {{"LEVEL", "debug"}}).body == R"({"level":"debug"})");
  CHECK(Build("flush", {}).body.empty());
  CHECK(Build("reload", {}).body.empty());
}

TEST_CASE("a message is a text, an event with any JSON, or a file's bytes in base64") {
  CHECK(Build("push", {{"--all", ""}, {"--text", "hi"}}).body == R"({"all":true,"text":"hi"})");
  CHECK(
      Build("push", {{"--path", "/ws"}, {"--event", "e"}, {"--data", R"({"n": 1.50})"}, {"--type", "critical"}}).body ==
      R"({"path":"/ws","event":"e","data":{"n": 1.50},"message_type":"critical"})");
  const std::pair<std::string_view, const char*> cases[] = {
      {"", ""}, {"\xFF", "/w=="}, {std::string_view("a\0", 2), "YQA="}, {"\xFB\xEF\xBE", "++++"}, {"abcd", "YWJjZA=="}};
  for (const auto& [bytes, base64] : cases) {
    const BytesFile file(bytes);
    CHECK(Build("push", {{"--all", ""}, {"--binary-file", file.path()}}).body ==
          "{\"all\":true,\"binary\":\"" + std::string(base64) + "\"}");
  }
}

TEST_CASE("a wrong argument is named, with what it must be") {
  CHECK(ErrorOf("close", {{"--code", "x"}}) == "--code: must be a number");
  for (const char* share : {"", "x", "25 %", "25%x", "nan", "inf"}) {
    CHECK(ErrorOf("rebalance", {{"--share", share}}) == "--share: must be a share, such as 25% or 0.25");
  }
  CHECK(ErrorOf("push", {{"--data", "{"}}).starts_with("--data: must be JSON"));
  CHECK(ErrorOf("push", {{"--binary-file", "/nonexistent"}}) ==
        "--binary-file: cannot read /nonexistent: No such file or directory");
}

TEST_CASE("drain waits for its end, unless it is told not to") {
  CHECK(Build("drain", {}).method == "GET");
  CHECK(Build("drain", {}).patience > std::chrono::hours(1));
  CHECK(Build("drain", {{"--no-wait", ""}}).method == "POST");
  CHECK(Build("drain", {{"--no-wait", ""}}).patience < std::chrono::minutes(1));
}

TEST_CASE("no two rows of the table have one name, and each says what it does") {
  std::set<std::string_view> commands;
  for (const CommandRow& command : Commands()) {
    CAPTURE(command.name);
    CHECK(commands.insert(command.name).second);
    CHECK_FALSE(command.doc.empty());
    CHECK(command.path.empty() == (command.print == nullptr));
    std::set<std::string_view> names = {"-c", "--config", "--set", "--help"};
    for (const auto rows : {command.arguments, CommonArguments()}) {
      for (const ArgumentRow& argument : rows) {
        CHECK(names.insert(argument.name).second);
        CHECK_FALSE(argument.doc.ends_with('.'));
        CHECK(std::is_sorted(argument.words.begin(), argument.words.end()));
      }
    }
  }
}

}  // namespace sheaf::cli
