// proxy/admin/api.md against the documents that it describes.
#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "proxy/admin/backends_json.h"
#include "proxy/admin/config_requests.h"
#include "proxy/admin/event_requests.h"
#include "proxy/admin/pool_requests.h"
#include "proxy/admin/route_requests.h"
#include "proxy/admin/stats.h"
#include "proxy/admin/stats_history.h"

namespace sheaf {
namespace {

using Fields = std::set<std::string>;

// The fields that the section for `path` describes, each with a unit or a meaning or both.
Fields DocumentedFields(const std::string& path) {
  std::ifstream file(SHEAF_SOURCE_DIR "/proxy/admin/api.md");
  Fields fields;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("## ")) inside = line == "## GET " + path;
    if (!inside || !line.starts_with("| `")) continue;
    const std::string field = line.substr(3, line.find('`', 3) - 3);
    CHECK_MESSAGE(fields.insert(field).second, "twice: " << field);
  }
  REQUIRE(fields.size() > 5);
  return fields;
}

// Where the document has a placeholder for the members of the object at `path`, that; else an empty string.
std::string PlaceholderAt(const std::string& path, const Fields& documented) {
  const std::string before = path + ".<";
  const auto field = documented.lower_bound(before);
  if (field == documented.end() || !field->starts_with(before)) return "";
  return field->substr(path.size() + 1, field->find('>', before.size()) - path.size());
}

void Collect(const rapidjson::Value& value, const std::string& path, const Fields& documented, Fields& found) {
  if (documented.contains(path)) {  // whatever it is: the value of an option may be a list
    found.insert(path);
  } else if (value.IsArray()) {
    REQUIRE_MESSAGE(!value.Empty(), path << " has no example");
    for (const auto& item : value.GetArray()) Collect(item, path + "[]", documented, found);
  } else if (value.IsObject()) {
    REQUIRE_MESSAGE(!value.ObjectEmpty(), path << " has no example");
    const std::string placeholder = PlaceholderAt(path, documented);
    for (const auto& member : value.GetObject()) {
      const std::string name = placeholder.empty() ? member.name.GetString() : placeholder;
      Collect(member.value, path.empty() ? name : path + "." + name, documented, found);
    }
  } else {
    found.insert(path);
  }
}

void CheckAgainstDocument(const std::string& path, const std::string& json) {
  const Fields documented = DocumentedFields(path);
  rapidjson::Document document;
  document.Parse(json.c_str());
  REQUIRE_FALSE(document.HasParseError());
  Fields found;
  Collect(document, "", documented, found);
  for (const std::string& field : found) CHECK_MESSAGE(documented.contains(field), "not described: " << field);
  for (const std::string& field : documented) CHECK_MESSAGE(found.contains(field), "not in the answer: " << field);
}

// Everything was counted, so that no field is left out.
StatsSnapshot FullSnapshot(const std::vector<RouteLabels>& routes) {
  StatsSnapshot snapshot;
#define SHEAF_SCALAR(member, name, help) snapshot.totals.member = 1;
#define SHEAF_ARRAY(member, name, key, labels, help) snapshot.totals.member.fill(1);
#define SHEAF_HISTOGRAM(member, name, bounds, help) snapshot.totals.member.buckets.fill(1);
  SHEAF_METRICS(SHEAF_SCALAR, SHEAF_SCALAR, SHEAF_SCALAR, SHEAF_ARRAY, SHEAF_ARRAY, SHEAF_HISTOGRAM)
#undef SHEAF_SCALAR
#undef SHEAF_ARRAY
#undef SHEAF_HISTOGRAM
  snapshot.totals.routes.resize(routes.size());
  for (size_t i = 0; i < routes.size(); ++i) snapshot.totals.routes[i].labels = routes[i];
  snapshot.totals.routes[0].critical = {1};
  snapshot.totals.routes[0].conflated = {1};
  return snapshot;
}

const std::vector<RouteLabels> kRoutes = {{.route = "/", .critical = {"alert"}, .conflated = {"p /s"}}};

TEST_CASE("The statistics have the fields that the document describes, and no others") {
  CheckAgainstDocument("/api/performance/websocket/stats", StatsJson(FullSnapshot(kRoutes)));
}

TEST_CASE("The summary has the fields that the document describes, and no others") {
  CheckAgainstDocument("/api/performance/websocket/summary", SummaryJson(FullSnapshot(kRoutes)));
}

TEST_CASE("The history has the fields that the document describes, and no others") {
  const std::vector<memwatch::MemorySample> samples(2);
  CheckAgainstDocument("/api/performance/websocket/metrics", HistoryJson(samples));
}

TEST_CASE("The backends have the fields that the document describes, and no others") {
  EndpointTable table;
  const auto first = table.Find("default", "127.0.0.1:1");
  const auto second = table.Find("default", "127.0.0.1:2");
  const auto other = table.Find("other", "unix:/run/app.sock");
  CheckAgainstDocument("/backends", BackendsJson(table.All()));
  second->up = true;
  other->draining = true;
  rapidjson::Document document;
  document.Parse(BackendsJson(table.All()).c_str());
  REQUIRE(document["backends"].Size() == 2);
  const auto& endpoints = document["backends"][0]["endpoints"];
  CHECK(std::string(endpoints[0]["state"].GetString()) == "down");
  CHECK(std::string(endpoints[1]["state"].GetString()) == "up");
  CHECK(std::string(document["backends"][1]["endpoints"][0]["state"].GetString()) == "draining");
}

TEST_CASE("The events have the fields that the document describes, and no others") {
  EventRing ring;
  const LogField field{"upstream", "a:80"};
  ring.Add(EventKind::kUpstream, LogLevel::kWarning, "the backend is down", {&field, 1});
  CheckAgainstDocument("/events", EventsJson(ring.Since(0)));
}

TEST_CASE("The pools have the fields that the document describes, and no others") {
  EndpointTable table;
  PoolsAnswer pools{.rows = {}, .late = {1}};
  pools.rows.push_back({.counters = table.Find("default", "127.0.0.1:1"), .look = {}});
  CheckAgainstDocument("/pools", PoolsJson(pools));
}

// A route with rules, a backend and a listener.
ConfigurationInForce Example() {
  auto options = std::make_shared<Options>();
  options->routes = {InheritRoute(*options, "/")};
  options->backends = {DefaultBackend(*options)};
  options->listeners = {InheritListener(*options, ":8080")};
  return {.generation = 1,
          .digest = "ab",
          .age = {},
          .options = options,
          .sources = std::make_shared<OptionSources>(),
          .labels = kRoutes};
}

TEST_CASE("The configuration has the fields that the document describes, and no others") {
  CheckAgainstDocument("/config", ConfigJson(Example()));
}

TEST_CASE("The routes have the fields that the document describes, and no others") {
  CheckAgainstDocument("/routes", RoutesJson(Example(), {}));
}

}  // namespace
}  // namespace sheaf
