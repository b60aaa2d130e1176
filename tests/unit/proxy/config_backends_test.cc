// upstream.urls, [[backend]], and the backend of a [[route]].
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "proxy/config/docs.h"
#include "proxy/config/dump.h"
#include "proxy/config/report.h"
#include "tests/unit/proxy/config_loading.h"

namespace sheaf {
namespace {

using Texts = std::vector<std::string>;

TEST_CASE("without a [[backend]] there is that of [upstream], at its url or at its urls") {
  const Options by_default = Valid("");
  REQUIRE(by_default.backends.size() == 1);
  CHECK(by_default.backends[0].name == "default");
  CHECK(by_default.backends[0].urls == Texts{"http://127.0.0.1:8000"});
  CHECK(by_default.routes.front().backend == "default");
  CHECK(Valid("[upstream]\nurl = \"unix:/run/a\"\n").backends[0].urls == Texts{"unix:/run/a"});
  const Options several = Valid("[upstream]\nurls = [\"http://a:1\", \"https://a:1\"]\nmax_fails = 3\n");
  CHECK(several.backends[0].urls == Texts{"http://a:1", "https://a:1"});
  CHECK(several.backends[0].max_fails == 3);
}

TEST_CASE("urls come from the environment and the command line with commas") {
  CHECK(Valid("", {{"SHEAF_UPSTREAM_URLS=http://a:1, unix:/run/b"}, {}}).backends[0].urls ==
        Texts{"http://a:1", "unix:/run/b"});
  CHECK(Valid("", {{}, {"upstream.urls=http://a:1,http://b:2"}}).backends[0].urls == Texts{"http://a:1", "http://b:2"});
  CHECK(
      ErrorOf("", {{}, {"upstream.urls=http://a:1,ws://b"}}).starts_with("--set upstream.urls: upstream.urls must be"));
  CHECK(
      ErrorOf("[upstream]\nurls = [\"http://a:1\",\n  \"b\"]\n").starts_with("a.conf:3:3: upstream.urls must be http"));
}

TEST_CASE("a [[backend]] has values of its own and inherits the others, whatever source they have") {
  const Options options =
      Valid("[upstream]\nbalance = \"round_robin\"\ntls_server_name = \"a\"\n[pool]\nhealth_check_path = \"/up\"\n" +
                BackendText("one", "\"https://one:1\"", "max_fails = 5\nslow_start = \"1s\"\naffinity = \"none\"\n") +
                BackendText("two", "[\"http://two:1\", \"http://two:2\"]",
                            "balance = \"hash\"\nbalance_key = \"cookie:sid\"\nhealth_check_path = \"\"\n"),
            {{}, {"upstream.connect_timeout=7s"}});
  REQUIRE(options.backends.size() == 3);
  const BackendOptions &first = options.backends[0], &one = options.backends[1], &two = options.backends[2];
  CHECK(first.max_fails == 1);
  CHECK(first.affinity == AffinityMode::kSocketIo);
  CHECK(one.name == "one");
  CHECK(one.urls == Texts{"https://one:1"});
  CHECK(one.max_fails == 5);
  CHECK(one.slow_start == std::chrono::seconds(1));
  CHECK(one.affinity == AffinityMode::kNone);
  CHECK(one.balance == Balance::kRoundRobin);
  CHECK(one.tls_server_name == "a");
  CHECK(one.health_check_path == "/up");
  CHECK(one.connect_timeout == std::chrono::seconds(7));
  CHECK(two.urls == Texts{"http://two:1", "http://two:2"});
  CHECK(two.balance == Balance::kHash);
  CHECK(two.balance_key == "cookie:sid");
  CHECK(two.health_check_path.empty());
  CHECK(two.slow_start == std::chrono::seconds(30));
}

TEST_CASE("a route leads to the backend that it names, wherever in the file that stands") {
  const Options options = Valid(
      "[[route]]\npath = \"/a\"\nbackend = \"x\"\n[[backend]]\nname = \"x\"\nurl = \"http://x\"\n"
      "[[route]]\npath = \"/b\"\nbackend = \"default\"\n");
  CHECK(options.routes[0].backend == "x");
  CHECK(options.routes[1].backend == "default");
  CHECK(options.routes[2].path == "/");
  CHECK(options.routes[2].backend == "default");
}

TEST_CASE("a faulty [[backend]] is told of key by key") {
  const std::string named = "[[backend]]\nname = \"x\"\n";
  const std::string url = "[[backend]]\nurl = \"http://x\"\n";
  const struct {
    std::string text;
    std::string error;
  } rows[] = {
      {named + "",
       "a.conf:1:1: a [[backend]] must have urls, such as urls = [\"http://127.0.0.1:8001\", "
       "\"http://127.0.0.1:8002\"]"},
      {url + "", "a.conf:1:1: a [[backend]] must have a name, which routes point to, such as name = \"realtime\""},
      {url + "name = \"a b\"\n",
       "a.conf:3:8: backend.name must be 1 to 64 letters, digits, dots, hyphens and underscores, such as \"realtime\", "
       "not \"a b\""},
      {url + "name = 5\n", "a.conf:3:8: backend.name must be a text in quotes, not 5"},
      {url + "name = \"default\"\n",
       "a.conf:3:8: \"default\" is the name of [upstream]'s backend: choose another name, or write it as [upstream]"},
      {BackendText("x", "\"http://x\"") + named + "urls = \"http://y\"\n",
       "a.conf:8:8: name \"x\" has a [[backend]] already, on line 5: choose another one, or give that one all the "
       "urls"},
      {named + "urls = []\n", "a.conf:3:8: backend.urls must name a url: remove the [[backend]], or name one"},
      {named + "url = \"http://x\"\nurls = [\"http://y\"]\n",
       "a.conf:4:1: backend.url and backend.urls are both set: name all of them in urls, remove url"},
      {named + "urls = [\"http://x\", \"ws://y\"]\n",
       "a.conf:3:21: backend.urls must be http://host:port, https://host:port or unix:/path: 'ws://y' does not begin "
       "with http://, https:// or unix:/, not \"ws://y\""},
      {named + "url = \"http://x\"\nmax_fails = 0\n",
       "a.conf:4:13: backend.max_fails must be a number from 1 to 1000, not \"0\""},
      {named + "url = \"http://x\"\nmax_fail = 2\n",
       "a.conf:4:1: unknown key \"max_fail\" in [[backend]]; did you mean \"max_fails\"?"},
      {named + "servers = [\"http://x\"]\nurl = \"http://x\"\n",
       "a.conf:3:1: unknown key \"servers\" in [[backend]]; did you mean \"urls\"?"},
      {named + "address = \"x\"\nurl = \"http://x\"\n",
       "a.conf:3:1: unknown key \"address\" in [[backend]]; did you mean \"urls\"?"},
      {named + "url = \"http://x\"\nlb_policy = \"x\"\n",
       "a.conf:4:1: unknown key \"lb_policy\" in [[backend]]; did you mean \"balance\"?"},
      {named + "url = \"http://x\"\nmax_size = 5\n",
       "a.conf:4:1: unknown key \"max_size\" in [[backend]]; did you mean \"pool.max_size\", which holds for all "
       "backends?"},
      {"[backend]\nurl = \"http://x\"\n",
       "a.conf:1:2: a backend is written [[backend]], in double brackets; where there is one alone, it is [upstream]"},
      {"backend = \"http://x\"\n", "a.conf:1:1: \"backend\" is a section: write [[backend]]"},
      {"[[backends]]\nname = \"x\"\n", "a.conf:1:1: unknown section [backends]; did you mean [[backend]]?"},
      {"[[upstream]]\nurl = \"http://x\"\n",
       "a.conf:1:1: [[upstream]] is no list: write [upstream], and [[backend]] for those that routes point to"},
  };
  for (const auto& row : rows) CHECK(ErrorOf(row.text) == row.error);
}

TEST_CASE("names are letters, digits and marks, but not marks alone") {
  for (const std::string name : {"a", "0", "Real-Time_2.eu", ".a"}) {
    CHECK(Valid(BackendText(name, "\"http://x\"")).backends[1].name == name);
  }
  CHECK(Valid(BackendText(std::string(64, 'a'), "\"http://x\"")).backends[1].name.size() == 64);
  for (const std::string& name : {std::string(), std::string("."), std::string(".."), std::string("-"),
                                  std::string("a/b"), std::string("\u00E4"), std::string(65, 'a')}) {
    CAPTURE(name);
    CHECK(ErrorOf("[[backend]]\nname = \"" + name + "\"\nurl = \"http://x\"\n").find("a.conf:2:8: backend.name must") ==
          0);
  }
}

TEST_CASE("a backend that is not there is told with the nearest, and a url with what to write instead") {
  const std::string backends = "[[backend]]\nname = \"realtime\"\nurl = \"http://x\"\n[[route]]\npath = \"/\"\n";
  CHECK(ErrorOf(backends + "backend = \"realtme\"\n") ==
        "a.conf:6:11: there is no [[backend]] named \"realtme\"; did you mean \"realtime\"?");
  CHECK(ErrorOf(backends + "backend = \"something\"\n") ==
        "a.conf:6:11: there is no [[backend]] named \"something\"; all there are: \"default\", \"realtime\"");
  CHECK(ErrorOf(backends + "backend = \"http://y:1\"\n") ==
        "a.conf:6:11: route.backend is the name of a [[backend]], not \"http://y:1\": write a [[backend]] with a name "
        "and this as its url");
  CHECK(ErrorOf(backends + "backend = [\"realtime\"]\n") ==
        "a.conf:6:11: route.backend must be a text in quotes, not a list");
  CHECK(ErrorOf(backends + "proxy_pass = \"http://y:1\"\n") ==
        "a.conf:6:1: unknown key \"proxy_pass\" in [[route]]; did you mean \"backend\", with the name of a "
        "[[backend]]?");
  CHECK(ErrorOf(backends + "bakend = \"realtime\"\n") ==
        "a.conf:6:1: unknown key \"bakend\" in [[route]]; did you mean \"backend\"?");
  // Nothing is said of a route whose backend is there, but faulty.
  CHECK(ErrorOf("[[route]]\npath = \"/\"\nbackend = \"x\"\n[[backend]]\nname = \"x\"\nurl = \"y\"\n")
            .starts_with("a.conf:6:7: backend.url must be http"));
  CHECK(ErrorOf("[[route]]\npath = \"/\"\nbackend = \"x\"\n[[backend]]\nname = \"x\"\nurl = \"y\"\n").find('\n') ==
        std::string::npos);
}

TEST_CASE("the environment and the command line set no [[backend]]") {
  for (const char* name : {"SHEAF_BACKEND", "SHEAF_BACKEND_URL", "SHEAF_BACKEND_REALTIME_URLS"}) {
    CHECK(ErrorOf("", {{std::string(name) + "=http://x"}, {}}) ==
          "environment variable " + std::string(name) +
              ": a [[backend]] is set in the file alone: unset it (SHEAF_UPSTREAM_URL and SHEAF_UPSTREAM_URLS are "
              "[upstream]'s)");
  }
  for (const char* name : {"backend", "backend.urls"}) {
    CHECK(ErrorOf("", {{}, {std::string(name) + "=http://x"}}) ==
          "--set " + std::string(name) +
              ": a [[backend]] is set in the file alone; upstream.url and upstream.urls are [upstream]'s");
  }
  Valid("", {{"SHEAF_BACKEND_SERVICE_HOST=10.0.0.1", "SHEAF_BACKEND_PORT=tcp://10.0.0.1:80"}, {}});
}

TEST_CASE("the dump has each backend with where its values came from, and loads again") {
  const Result<Configuration> configuration =
      Load("[upstream]\nurls = [\"http://a\", \"http://b\"]\n" +
           BackendText("x", "[\"http://x\", \"unix:/run/a\"]", "balance = \"hash\"\n"));
  REQUIRE(configuration.ok());
  const std::string dump = DumpConfiguration(configuration.value());
  for (const char* line :
       {"\n# url = \"http://127.0.0.1:8000\"  # default\n", "\nurls = [\"http://a\", \"http://b\"]  # a.conf:2:8\n",
        "\n[[backend]]\nname = \"x\"  # a.conf:7:8\nurls = [\"http://x\", \"unix:/run/a\"]  # a.conf:8:9\n",
        "\nbalance = \"hash\"  # a.conf:9:11\n", "\nmax_fails = 1  # upstream.max_fails\n",
        "\nhealth_check_path = \"\"  # pool.health_check_path\n", "\nbackend = \"x\"  # a.conf:5:11\n",
        "\nbackend = \"default\"  # default\n"}) {
    CAPTURE(line);
    CHECK(dump.find(line) != std::string::npos);
  }
  const Options again = Valid(dump);
  REQUIRE(again.backends.size() == 2);
  CHECK(again.backends[0].urls == Texts{"http://a", "http://b"});
  CHECK(again.backends[1].urls == Texts{"http://x", "unix:/run/a"});
  CHECK(again.backends[1].balance == Balance::kHash);
  CHECK(again.routes[0].backend == "x");
}

TEST_CASE("the backend that the default configuration shows is right once its marks are removed") {
  const std::string text = DefaultConfig();
  const size_t begin = text.find("# [[backend]]");
  const size_t end = text.find("\n\n", begin);
  REQUIRE(end != std::string::npos);
  std::string shown = text.substr(begin, end - begin + 1);
  for (size_t at = 0; (at = shown.find("# ", at)) != std::string::npos; at = shown.find('\n', at)) shown.erase(at, 2);
  const Options options = Valid(shown);
  REQUIRE(options.backends.size() == 2);
  CHECK(options.backends[1].name == "realtime");
  CHECK(options.backends[1].urls.size() == 2);
}

TEST_CASE("the manual has every key of a backend") {
  const std::string manual = OptionsManual();
  const size_t begin = manual.find("\n## [[backend]]\n");
  const std::string section = manual.substr(begin, manual.find("\n## ", begin + 1) - begin);
  for (const BackendRow& row : BackendRows()) {
    CHECK(section.find("| `" + std::string(row.name) + "` | `" + row.inherits->FullName() + "` |") !=
          std::string::npos);
  }
  for (const char* key : {"name", "urls"}) CHECK(section.find("| `" + std::string(key) + "` |") != std::string::npos);
}

TEST_CASE("the check names all endpoints, and of routes the backend") {
  const auto report = [](const std::string& text) {
    const Result<Configuration> configuration = Load(text);
    REQUIRE(configuration.ok());
    return ReportOfCheck(configuration.value());
  };
  const std::string seen =
      report("[upstream]\nurls = [\"http://a\", \"unix:/run/a\"]\n" + BackendText("x", "\"http://x\""));
  CHECK(seen.find("\nupstream: http://a, 10 to 10000 connections\n          unix:/run/a, 0 to 10000 connections\n"
                  "backend:  x: http://x, 10 to 10000 connections\n") != std::string::npos);
  CHECK(seen.find("\nroutes:   /x (x), /\n") != std::string::npos);
  CHECK(report("[[backend]]\nname = \"x\"\nurl = \"http://a\"\n[[route]]\npath = \"/\"\nbackend = \"x\"\n")
            .find("\nupstream: none, since all routes lead to a [[backend]]\n") != std::string::npos);
}

}  // namespace
}  // namespace sheaf
