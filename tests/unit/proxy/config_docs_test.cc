#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "proxy/config/docs.h"
#include "proxy/config/dump.h"
#include "tests/unit/proxy/config_loading.h"

namespace sheaf {
namespace {

TEST_CASE("the printed default configuration loads, has every option, and gives the defaults") {
  const Result<Configuration> configuration = Load(DefaultConfig());
  REQUIRE(configuration.ok());
  Options loaded = configuration.value().options;
  Options defaults;
  for (size_t i = 0; i < OptionRows().size(); ++i) {
    const OptionRow& row = OptionRows()[i];
    CAPTURE(row.FullName());
    CHECK(FormatValue(row, row.slot(loaded)) == FormatValue(row, row.slot(defaults)));
    CHECK(configuration.value().origins[i].source == (row.unwritten ? Source::kDefault : Source::kFile));
    CHECK(DefaultConfig().find("\n" + std::string(row.unwritten ? "# " : "") + std::string(row.name) + " = ") !=
          std::string::npos);
  }
}

TEST_CASE("the route that the default configuration shows is right once its marks are removed") {
  std::string text = DefaultConfig();
  const size_t route = text.find("# [[route]]");
  REQUIRE(route != std::string::npos);
  for (size_t at = route; at != std::string::npos; at = text.find("\n# ", at + 1)) text.erase(text.find("# ", at), 2);
  const Options options = Valid(text);
  REQUIRE(options.routes.size() == 2);
  CHECK(options.routes[0].path == "/api");
  CHECK(options.routes[0].critical.size() == 3);
  CHECK(options.routes[0].conflate.size() == 2);
}

TEST_CASE("the dump says where each value came from, keeps secrets, and loads again") {
  const Extra extra{{"SHEAF_POOL_MIN_SIZE=3"}, {"pool.max_size=30"}};
  const std::string file = "workers = 2\n[admin]\ntoken = \"sesame\"\n[[route]]\npath = \"/a/\"\nmax_body = \"1KiB\"\n";
  const Result<Configuration> configuration = Load(file, extra);
  REQUIRE(configuration.ok());
  const std::string dump = DumpConfiguration(configuration.value());
  for (const char* line :
       {"workers = 2  # a.conf:1:11\n", "min_size = 3  # environment variable SHEAF_POOL_MIN_SIZE\n",
        "max_size = 30  # --set pool.max_size\n", "max_waiting = 1000  # default\n",
        "token = \"<redacted>\"  # a.conf:3:9\n", "path = \"/a\"\n", "max_body = \"1KiB\"  # a.conf:6:12\n",
        "response_timeout = \"1m\"  # timeouts.response\n"}) {
    CAPTURE(line);
    CHECK(dump.find(line) != std::string::npos);
  }
  CHECK(dump.find("sesame") == std::string::npos);
  const Options again = Valid(dump);
  CHECK(again.pool.max_size == 30);
  CHECK(again.routes.size() == 2);
}

TEST_CASE("a token from a file is the token, is not dumped, and the dump loads again") {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("sheaf-token-" + std::to_string(getpid()))).string();
  std::ofstream(path) << "  sesame\n";
  const Result<Configuration> configuration = Load("[admin]\ntoken_file = \"" + path + "\"\n");
  REQUIRE(configuration.ok());
  CHECK(configuration.value().options.admin.token == "sesame");
  const std::string dump = DumpConfiguration(configuration.value());
  CHECK(dump.find("sesame") == std::string::npos);
  CHECK(dump.find("token = \"\"  # default\n") != std::string::npos);
  CHECK(Valid(dump).admin.token == "sesame");
  std::filesystem::remove(path);
}

TEST_CASE("the manual names every option, every variable's section and every key of a route") {
  const std::string manual = OptionsManual();
  for (const OptionRow& row : OptionRows()) CHECK(manual.find("| `" + row.FullName() + "` |") != std::string::npos);
  for (const RouteRow& row : RouteRows())
    CHECK(manual.find("| `" + std::string(row.name) + "` |") != std::string::npos);
  for (const char* list : {"critical", "conflate"})
    CHECK(manual.find("| `" + std::string(list) + "` |") != std::string::npos);
}

}  // namespace
}  // namespace sheaf
