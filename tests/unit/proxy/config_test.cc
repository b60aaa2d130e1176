#include "proxy/config/config.h"

#include <doctest/doctest.h>

#include "proxy/config/docs.h"
#include "proxy/config/dump.h"
#include "tests/unit/proxy/config_loading.h"

using namespace std::chrono_literals;

namespace sheaf {
namespace {

TEST_CASE("an empty file gives the defaults and a route for everything") {
  const Options options = Valid("");
  CHECK(options.listen.address == std::vector<std::string>{":8080"});
  CHECK(options.pool.min_size == kAuto);
  REQUIRE(options.routes.size() == 1);
  CHECK(options.routes[0].path == "/");
  CHECK(options.routes[0].response_timeout == 60s);
}

TEST_CASE("the command line goes before the environment, that before the file, that before the default") {
  const std::string file = "[pool]\nmin_size = 2\nmax_size = 20\nmax_waiting = 200\n";
  const Options options = Valid(file, {{"SHEAF_POOL_MIN_SIZE=3", "SHEAF_POOL_MAX_SIZE=30"}, {"pool.min_size=4"}});
  CHECK(options.pool.min_size == 4);
  CHECK(options.pool.max_size == 30);
  CHECK(options.pool.max_waiting == 200);
  CHECK(options.pool.stale_timeout == 300s);
}

TEST_CASE("of one option set twice on the command line the last holds") {
  CHECK(Valid("", {{}, {"pool.min_size=4", "pool.min_size=5"}}).pool.min_size == 5);
}

TEST_CASE("a route inherits what it does not set, from whichever source") {
  const Options options = Valid("[limits]\nmax_body = 5\n[[route]]\npath = \"/a\"\nmax_message = \"1KiB\"\n",
                                {{"SHEAF_TIMEOUTS_RESPONSE=9s"}, {}});
  REQUIRE(options.routes.size() == 2);
  CHECK(options.routes[0].path == "/a");
  CHECK(options.routes[0].max_message == 1024);
  CHECK(options.routes[0].max_body == 5);
  CHECK(options.routes[0].response_timeout == 9s);
  CHECK(options.routes[1].path == "/");
  CHECK(options.routes[1].max_message == 16ULL << 20);
}

TEST_CASE("a route for / takes the place of the one that is made") {
  const Options options = Valid("[[route]]\npath = \"/\"\nmax_body = 1\n");
  REQUIRE(options.routes.size() == 1);
  CHECK(options.routes[0].max_body == 1);
}

TEST_CASE("wrong syntax is told with its place") {
  CHECK(ErrorOf("workers = \n").starts_with("a.conf:1:11: "));
  CHECK(ErrorOf("[pool]\nmin_size = 1\nmin_size = 2\n").starts_with("a.conf:3:"));
  CHECK(ErrorOf("[pool]\n[log]\n[pool]\n").starts_with("a.conf:3:1: "));
  CHECK(ErrorOf("[pool\n").starts_with("a.conf:1:"));
}

TEST_CASE("a route without a path, and two for one path, are errors") {
  CHECK(ErrorOf("[[route]]\nmax_body = 1\n") == "a.conf:1:1: a [[route]] must have a path, such as path = \"/api\"");
  CHECK(ErrorOf("[[route]]\npath = \"/api\"\n[[route]]\npath = \"/x/../api/\"\n") ==
        "a.conf:4:8: path \"/x/../api/\" has a [[route]] already, on line 2: keep one of them");
  CHECK(Valid("[[route]]\npath = \"/api\"\n[[route]]\npath = \"/api/v2\"\n").routes.size() == 3);
}

TEST_CASE("faulty settings of the command line are errors") {
  CHECK(ErrorOf("", {{}, {"pool.min_size"}}) == "--set pool.min_size: must be written section.key=value");
  CHECK(ErrorOf("", {{}, {"pool.minsize=1"}}) ==
        "--set pool.minsize: no option has this name; did you mean pool.min_size?");
  CHECK(ErrorOf("", {{}, {"route.path=/"}}) == "--set route.path: routes are set in the file alone");
  CHECK(ErrorOf("", {{}, {"log.level=loud"}}) ==
        "--set log.level: log.level must be \"debug\", \"info\", \"warning\" or \"error\", not \"loud\"");
}

TEST_CASE("all errors are told, the file's from its top, then the environment's, then the command line's") {
  CHECK(ErrorOf("wrkers = 1\n[log]\nlevel = 1\n[listen]\nbacklog = 0\nadress = \"x\"\n",
                {{"SHEAF_LOG_FORMAT=xml"}, {"pool.max_size=0"}}) ==
        "a.conf:1:1: unknown key \"wrkers\" at the top of the file; did you mean \"workers\"?\n"
        "a.conf:3:9: log.level must be a text in quotes, not 1\n"
        "a.conf:5:11: listen.backlog must be a number from 1 to 65535, not \"0\"\n"
        "a.conf:6:1: unknown key \"adress\" in [listen]; did you mean \"address\"?\n"
        "environment variable SHEAF_LOG_FORMAT: log.format must be \"text\" or \"json\", not \"xml\"\n"
        "--set pool.max_size: pool.max_size must be a number from 1 to 1000000, not \"0\"");
}

TEST_CASE("the sources are the file, the environment and the command line") {
  const Folder folder;
  WriteFile(folder / "a.conf", "workers = 2\n");
  const char* const environment[] = {"A=1", "SHEAF_POOL_MIN_SIZE=3", nullptr};
  const Result<ConfigSources> sources = CollectSources(folder / "a.conf", {"log.level=debug"}, environment);
  REQUIRE(sources.ok());
  CHECK(sources.value().file_text == "workers = 2\n");
  CHECK(sources.value().environment == std::vector<std::string>{"A=1", "SHEAF_POOL_MIN_SIZE=3"});
  CHECK(sources.value().settings == std::vector<std::string>{"log.level=debug"});
}

TEST_CASE("a conf file that cannot be read is an error, an empty one or none is not") {
  const Folder folder;
  const char* const environment[] = {nullptr};
  CHECK(CollectSources(folder / "none", {}, environment).error() ==
        (folder / "none") + ": cannot be read: No such file or directory");
  CHECK(CollectSources(folder.path(), {}, environment).error() == folder.path() + ": cannot be read: Is a directory");
  WriteFile(folder / "empty", "");
  CHECK(CollectSources(folder / "empty", {}, environment).ok());
  CHECK(CollectSources("", {}, environment).ok());
}

TEST_CASE("trusted proxies are named when they are written anywhere, with their default too, and not when left out") {
  CHECK_FALSE(Valid("").proxies_named);
  CHECK_FALSE(Valid(DefaultConfig()).proxies_named);
  CHECK_FALSE(Valid(DumpConfiguration(Load("").value())).proxies_named);
  const std::string written = "[forwarded]\ntrusted_proxies = [\"127.0.0.1\", \"::1\"]\n";
  CHECK(Valid(written).proxies_named);
  CHECK(Valid(DumpConfiguration(Load(written).value())).proxies_named);
  CHECK(Valid("[forwarded]\ntrusted_proxies = []\n").proxies_named);
  CHECK(Valid("", {{"SHEAF_FORWARDED_TRUSTED_PROXIES=loopback"}, {}}).proxies_named);
  CHECK(Valid("", {{}, {"forwarded.trusted_proxies=none"}}).proxies_named);
}

TEST_CASE("no error shows a secret") {
  CHECK(ErrorOf("[admin]\ntoken = 12345\n") == "a.conf:2:9: admin.token must be a text in quotes");
}

TEST_CASE("to ask one that runs, nothing counts but [admin], wherever it is set") {
  const auto ask = [](const std::string& text, const Extra& extra = {}) {
    return LoadConfiguration({"a.conf", text, extra.environment, extra.settings}, Purpose::kAsk);
  };
  const std::string others = "[nowhere]\nx = 1\n[listen]\ntls_certificate = \"/none\"\n[[route]]\nbackend = \"none\"\n";
  const Result<Configuration> loaded = ask(others + "[admin]\naddress = \"127.0.0.1:1\"\ntoken = \"a\"\n",
                                           {.environment = {"SHEAF_LOG_LEVEL=loud", "SHEAF_ADMIN_TOKEN=b"},
                                            .settings = {"pool.min_size=x", "admin.address=:2"}});
  REQUIRE(loaded.ok());
  CHECK(loaded.value().options.admin.address == ":2");
  CHECK(loaded.value().options.admin.token == "b");
  CHECK(ask("[admin]\ntokn = 1\n").error().find("unknown key \"tokn\" in [admin]") != std::string::npos);
  CHECK_FALSE(ask("", {.environment = {"SHEAF_ADMIN_TOKN=b"}, .settings = {}}).ok());
  CHECK_FALSE(ask("", {.environment = {}, .settings = {"admin.tokn=b"}}).ok());
  CHECK_FALSE(ask("[admin\n").ok());
}

}  // namespace
}  // namespace sheaf
