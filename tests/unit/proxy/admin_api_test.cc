// The tables of paths and fields, and the documents that they describe, with every counter counted.
#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/admin/backends_json.h"
#include "proxy/admin/manual.h"
#include "proxy/admin/openapi.h"
#include "proxy/admin/stats.h"
#include "proxy/admin/stats_history.h"

namespace sheaf {
namespace {

using Fields = std::set<std::string>;

const ManualRow& ManualOf(std::string_view path) {
  const ManualRow* manual = nullptr;
  for (const PathRow& row : AdminPaths()) manual = row.path == path ? FindManual(row) : manual;
  REQUIRE(manual != nullptr);
  return *manual;
}

// The fields of the answer at `path`.
Fields DocumentedFields(std::string_view path) {
  Fields fields;
  for (const FieldRow& field : ManualOf(path).answers.front().document->fields) {
    if (field.path.empty()) continue;
    CHECK_MESSAGE(fields.emplace(field.path).second, "twice: " << field.path);
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

TEST_CASE("The statistics have the fields that the tables describe, and no others") {
  CheckAgainstDocument("/api/performance/websocket/stats", StatsJson(FullSnapshot(kRoutes)));
}

TEST_CASE("The summary has the fields that the tables describe, and no others") {
  CheckAgainstDocument("/api/performance/websocket/summary", SummaryJson(FullSnapshot(kRoutes)));
}

TEST_CASE("The history has the fields that the tables describe, and no others") {
  const std::vector<memwatch::MemorySample> samples(2);
  CheckAgainstDocument("/api/performance/websocket/metrics", HistoryJson(samples));
}

TEST_CASE("The backends have the fields that the tables describe, and no others") {
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

TEST_CASE("Each path tells of its answers, of its body if it takes one, and of the names in it") {
  for (const PathRow& path : AdminPaths()) {
    CAPTURE(path.path);
    const ManualRow* manual = FindManual(path);
    REQUIRE(manual != nullptr);
    CHECK_FALSE(path.doc.empty());
    CHECK_FALSE(manual->prose.empty());
    CHECK_FALSE(manual->answers.empty());
    CHECK((manual->body != nullptr) == (path.most_body > 0));
    for (size_t at = path.path.find('{'); at != std::string_view::npos; at = path.path.find('{', at + 1)) {
      CHECK_FALSE(MeaningOfName(path.path.substr(at + 1, path.path.find('}', at) - at - 1)).empty());
    }
  }
}

TEST_CASE("A parameter that may have few values has a default among them") {
  for (const PathRow& path : AdminPaths()) {
    for (const ParameterRow& row : path.parameters) {
      CAPTURE(row.name);
      CHECK((row.type == ParameterType::kWord) == !row.words.empty());
      const std::string query = std::string("/?").append(row.name).append("=").append(row.fallback);
      if (!row.fallback.empty()) CHECK_FALSE(RefuseQuery(path.parameters, query));
    }
  }
}

}  // namespace
}  // namespace sheaf
