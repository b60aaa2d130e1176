#include "proxy/config/command_line.h"

#include <doctest/doctest.h>

#include <sstream>

namespace sheaf {
namespace {

using Action = CommandLine::Action;

CommandLine Parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "sheaf");
  return ParseCommandLine(static_cast<int>(arguments.size()), arguments.data(), "1.2.3");
}

TEST_CASE("without arguments Sheaf serves with its defaults") {
  const CommandLine line = Parse({});
  CHECK(line.action == Action::kServe);
  CHECK(line.config_file.empty());
  CHECK(line.settings.empty());
}

TEST_CASE("-c names the file and --set may be repeated, in order") {
  const CommandLine line = Parse({"-c", "a.conf", "--set", "pool.min_size=1", "--set", "admin.token=a=b c"});
  CHECK(line.action == Action::kServe);
  CHECK(line.config_file == "a.conf");
  CHECK(line.settings == std::vector<std::string>{"pool.min_size=1", "admin.token=a=b c"});
}

TEST_CASE("a list in --set is not taken apart") {
  const CommandLine line = Parse({"--set", "forwarded.trusted_proxies=10.0.0.0/8,::1", "--set=pool.min_size=2"});
  CHECK(line.settings == std::vector<std::string>{"forwarded.trusted_proxies=10.0.0.0/8,::1", "pool.min_size=2"});
}

TEST_CASE("each action has its flag") {
  CHECK(Parse({"-t"}).action == Action::kCheck);
  CHECK(Parse({"--check", "-c", "x"}).action == Action::kCheck);
  CHECK(Parse({"--dump-config"}).action == Action::kDumpConfig);
  CHECK(Parse({"--print-default-config"}).action == Action::kPrintDefaultConfig);
  CHECK(Parse({"--print-options-manual"}).action == Action::kPrintOptionsManual);
  CHECK(Parse({"--print-admin-manual"}).action == Action::kPrintAdminManual);
  CHECK(Parse({"--healthcheck"}).action == Action::kHealthcheck);
}

TEST_CASE("doctor is a command of its own, with the program's options before or behind it") {
  const CommandLine line = Parse(
      {"--set", "a.b=1", "doctor", "-c", "x", "--path", "/p", "--header", "A: 1", "--header", "B: 2", "--path", "/q"});
  CHECK(line.action == Action::kDoctor);
  CHECK(line.config_file == "x");
  CHECK(line.doctor.arguments == std::vector<std::string>{"-c", "x", "--set", "a.b=1"});
  CHECK(line.doctor.websocket_path == "/q");
  CHECK(line.doctor.http_path == "/");
  CHECK(line.doctor.fields == std::vector<std::string>{"A: 1", "B: 2"});
  CHECK(Parse({"doctor"}).doctor.arguments.empty());
  CHECK(Parse({"doctor", "--help"}).text.find("--socketio-path") != std::string::npos);
}

TEST_CASE("help and version are shown") {
  CHECK(Parse({"--help"}).action == Action::kShow);
  CHECK(Parse({"--help"}).text.find("--set SECTION.KEY=VALUE") != std::string::npos);
  CHECK(Parse({"--version"}).action == Action::kShow);
  CHECK(Parse({"--version"}).text == "sheaf 1.2.3\n");
}

TEST_CASE("the help fits a screen and names every action") {
  const std::string help = Parse({"--help"}).text;
  std::istringstream lines(help);
  size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) CHECK(line.size() <= 80);
  CHECK(count <= 24);
  for (const char* flag : {"-c, --config FILE", "-t, --check", "--dump-config", "--print-default-config",
                           "--print-options-manual", "--healthcheck", "--version", "-h, --help", "sheaf doctor"}) {
    CHECK(help.find(flag) != std::string::npos);
  }
  for (const cli::CommandRow& command : cli::Commands()) {
    CHECK(help.find(" " + std::string(command.name)) != std::string::npos);
  }
}

TEST_CASE("a wrong command line fails and says why") {
  for (const std::vector<const char*>& arguments : {std::vector<const char*>{"--frob"},
                                                    {"serve"},
                                                    {"-c"},
                                                    {"--set"},
                                                    {"-t", "--dump-config"},
                                                    {"doctor", "--check"},
                                                    {"--path", "/p"}}) {
    const CommandLine line = Parse(arguments);
    CHECK(line.action == Action::kFail);
    CHECK(line.text.starts_with("sheaf"));
    CHECK(line.text.find("--help shows what there is\n") != std::string::npos);
  }
}

TEST_CASE("a command has its arguments as they were given, with the program's options before or behind it") {
  const CommandLine line =
      Parse({"-c", "x", "push", "--all", "--text", "hi there", "--type", "critical", "--set", "a.b=1"});
  CHECK(line.action == Action::kAsk);
  CHECK(line.config_file == "x");
  CHECK(line.settings == std::vector<std::string>{"a.b=1"});
  REQUIRE(line.asking.command != nullptr);
  CHECK(line.asking.command->name == "push");
  CHECK(line.asking.Has("--all"));
  CHECK(line.asking.Value("--text") == "hi there");
  CHECK(line.asking.Value("--type") == "critical");
  CHECK_FALSE(line.asking.Has(cli::kJsonFlag));
  CHECK(line.asking.Value("--data").empty());
  CHECK(Parse({"connections", "2-1f"}).asking.Value("ID") == "2-1f");
  CHECK(Parse({"flush"}).action == Action::kAsk);
  CHECK(Parse({"stats", "--json", "--admin", ":1", "--token-file", "/t"}).asking.given.size() == 3);
}

TEST_CASE("of a group of arguments one is given, and each command has its own") {
  const std::vector<std::vector<const char*>> wrong = {{"push", "--text", "x"},
                                                       {"push", "--all"},
                                                       {"push", "--all", "--user", "a", "--text", "x"},
                                                       {"close"},
                                                       {"flush", "--all", "--user", "a"},
                                                       {"rebalance"},
                                                       {"log-level"},
                                                       {"log-level", "loud"},
                                                       {"connections", "--sort", "name"},
                                                       {"stats", "--once"},
                                                       {"-t", "stats"},
                                                       {"stats", "reload"},
                                                       {"push", "--all", "--binary-file", "a", "--text", "b"}};
  for (const auto& arguments : wrong) {
    CAPTURE(arguments.front());
    CHECK(Parse(arguments).action == Action::kFail);
  }
}

TEST_CASE("the help of a command is its own") {
  const CommandLine line = Parse({"rebalance", "--help"});
  CHECK(line.action == Action::kShow);
  CHECK(line.text.find("--share SHARE") != std::string::npos);
  CHECK(line.text.find("--text") == std::string::npos);
}

}  // namespace
}  // namespace sheaf
