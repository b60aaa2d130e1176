// proxy/admin/api.md against the documents that it describes.
#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "proxy/admin/backends_json.h"
#include "proxy/admin/stats.h"
#include "proxy/admin/stats_history.h"
#include "tests/unit/proxy/admin_asking.h"

namespace sheaf {
namespace {

using Fields = std::set<std::string>;

// The fields that the section for `path` ("GET /..." or "POST /...") describes, each with a unit or a meaning or both.
Fields DocumentedFields(const std::string& path) {
  std::ifstream file(SHEAF_SOURCE_DIR "/proxy/admin/api.md");
  Fields fields;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("## ")) inside = line == "## " + path;
    // Keys of a body have no unit.
    if (!inside || std::count(line.begin(), line.end(), '|') < 4 || !line.starts_with("| `")) continue;
    const std::string field = line.substr(3, line.find('`', 3) - 3);
    CHECK_MESSAGE(fields.insert(field).second, "twice: " << field);
  }
  REQUIRE(fields.size() > 1);
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
  if (value.IsArray()) {
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
  CheckAgainstDocument("GET /api/performance/websocket/stats", StatsJson(FullSnapshot(kRoutes)));
}

TEST_CASE("The summary has the fields that the document describes, and no others") {
  CheckAgainstDocument("GET /api/performance/websocket/summary", SummaryJson(FullSnapshot(kRoutes)));
}

TEST_CASE("The history has the fields that the document describes, and no others") {
  const std::vector<memwatch::MemorySample> samples(2);
  CheckAgainstDocument("GET /api/performance/websocket/metrics", HistoryJson(samples));
}

TEST_CASE("The backends have the fields that the document describes, and no others") {
  EndpointTable table;
  const auto first = table.Find("default", "127.0.0.1:1");
  const auto second = table.Find("default", "127.0.0.1:2");
  const auto other = table.Find("other", "unix:/run/app.sock");
  CheckAgainstDocument("GET /backends", BackendsJson(table.All()));
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

TEST_CASE_FIXTURE(AdminAsking, "What is done has the fields that the document describes, and no others") {
  options.token = "secret";
  source.late = {1};
  struct Row {
    const char* path;
    const char* body;
  };
  const Row rows[] = {{"GET /drain", ""},
                      {"POST /drain", ""},
                      {"POST /flush", ""},
                      {"POST /close", R"({"all":true})"},
                      {"POST /log_level", R"({"level":"error"})"}};
  for (const Row& row : rows) {
    const std::string path = row.path;
    CAPTURE(path);
    const std::string head = std::string(row.path) +
                             " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer secret\r\n" +
                             (*row.body != 0 ? "Content-Length: 1\r\n\r\n" : "\r\n");
    CheckAgainstDocument(path, AskWith(head, row.body).body);
  }
  source.drain.state = DrainAnswer::State::kServing;
  CheckAgainstDocument("POST /undrain", Ask("POST /undrain", "Authorization: Bearer secret\r\n").body);
}

}  // namespace
}  // namespace sheaf
