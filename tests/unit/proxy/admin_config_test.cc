// GET /config and GET /routes: what is shown of options, and what is not.
#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "proxy/admin/config_requests.h"
#include "proxy/admin/route_requests.h"
#include "tests/unit/proxy/admin_asking.h"

namespace sheaf {
namespace {

struct Fixture : AdminAsking {
  std::shared_ptr<Options> set = std::make_shared<Options>();
  std::shared_ptr<OptionSources> sources = std::make_shared<OptionSources>();

  rapidjson::Document Told(const std::string& path) {
    source.configuration = {
        .generation = 3, .digest = "ab", .age = {}, .options = set, .sources = sources, .labels = {}};
    source.configuration.labels.resize(set->routes.size());
    const AdminAnswer answer = Ask("GET " + path);
    CHECK(answer.status == 200);
    rapidjson::Document document;
    document.Parse<rapidjson::kParseValidateEncodingFlag>(answer.body.c_str());
    REQUIRE_FALSE(document.HasParseError());
    return document;
  }
};

const rapidjson::Value& Named(const rapidjson::Value& options, std::string_view name) {
  for (const auto& one : options.GetArray()) {
    if (one["name"].GetString() == name) return one;
  }
  throw std::out_of_range(std::string(name));
}

TEST_CASE_FIXTURE(Fixture, "Every option is told, as the conf file writes it") {
  set->workers = 3;
  set->limits.max_head = 64 * 1024;
  set->listen.address = {"127.0.0.1:80", "unix:/run/caf\xe9"};
  const rapidjson::Document config = Told("/config");
  const auto& options = config["options"];
  CHECK(options.Size() == OptionRows().size());
  CHECK(Named(options, "workers")["value"].GetUint() == 3);
  CHECK(Named(options, "workers")["reload"].GetString() == std::string_view("restart"));
  CHECK(Named(options, "pool.min_size")["value"].GetString() == std::string_view("auto"));
  CHECK(Named(options, "limits.max_head")["value"].GetString() == std::string_view("64KiB"));
  CHECK(Named(options, "log.access")["value"].GetBool());
  CHECK(Named(options, "listen.address")["value"][1].GetString() == std::string_view("unix:/run/caf\uFFFD"));
  CHECK(config["generation"].GetUint() == 3);
}

TEST_CASE_FIXTURE(Fixture, "Of a secret there is only whether it is set") {
  CHECK(Named(Told("/config")["options"], "admin.token")["value"].GetStringLength() == 0);
  set->admin.token = "s3cr3t";
  set->upstream.token = "s3cr3t";
  set->backends = {DefaultBackend(*set), InheritBackend(*set, "other", {"http://a"})};
  set->backends[1].token = "other-s3cr3t";
  CHECK(Named(Told("/config")["options"], "admin.token")["value"].GetString() == std::string_view("hidden"));
  options.token = "";
  const std::string body = Ask("GET /config").body;
  CHECK(body.find("s3cr3t") == std::string::npos);
  CHECK(Named(Told("/config")["backends"][1]["options"], "token")["value"].GetString() == std::string_view("hidden"));
}

TEST_CASE_FIXTURE(Fixture, "Where a value came from") {
  set->routes = {InheritRoute(*set, "/")};
  sources->file = "sheaf.conf";
  sources->options.resize(OptionRows().size());
  sources->options[0] = Source::kCommandLine;
  sources->routes = {{Source::kFile}};
  const rapidjson::Document config = Told("/config");
  CHECK(config["file"].GetString() == std::string_view("sheaf.conf"));
  CHECK(config["options"][0]["source"].GetString() == std::string_view("command line"));
  CHECK(config["options"][1]["source"].GetString() == std::string_view("default"));
  CHECK(config["routes"][0]["options"][0]["source"].GetString() == std::string_view("file"));
  CHECK(config["routes"][0]["options"][1]["source"].GetString() == std::string_view("inherited"));
}

TEST_CASE_FIXTURE(Fixture, "A route has its own options, and the counts of its path") {
  set->routes = {InheritRoute(*set, "/api"), InheritRoute(*set, "/")};
  set->routes[0].max_message = 1024;
  WorkerMetrics& worker = source.registry.AddWorker();
  const RouteCells cells = worker.routes.Cells({.route = "/api", .critical = {}, .conflated = {}});
  worker.routes.Cells({.route = "/gone", .critical = {}, .conflated = {}}).route->sessions.Add(9);
  cells.route->sessions.Add(2);
  cells.route->requests[StatusClass::k1xx].Add(3);
  cells.route->requests[StatusClass::k4xx].Add();
  const rapidjson::Document routes = Told("/routes");
  REQUIRE(routes["routes"].Size() == 2);
  const auto& api = routes["routes"][0];
  CHECK(api["path"].GetString() == std::string_view("/api"));
  CHECK(api["max_message"].GetString() == std::string_view("1KiB"));
  CHECK(api["sessions"].GetUint() == 2);
  CHECK(api["requests"].GetUint() == 4);
  CHECK(api["by_status"]["1xx"].GetUint() == 3);
  CHECK(routes["routes"][1]["requests"].GetUint() == 0);
}

}  // namespace
}  // namespace sheaf
