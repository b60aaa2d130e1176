#include "proxy/admin/route_requests.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "proxy/admin/json_writer.h"
#include "proxy/admin/option_json.h"
#include "proxy/admin/stats_figures.h"

namespace sheaf {
namespace {

RouteTotals TotalsOf(const std::string& path, const std::vector<RouteTotals>& counted) {
  const auto found =
      std::find_if(counted.begin(), counted.end(), [&path](const auto& one) { return one.labels.route == path; });
  return found == counted.end() ? RouteTotals{} : *found;
}

// `rules`: of the route in force; `labels` and `counts`: of all that it ever had.
void WriteRules(std::string_view name, const std::vector<std::string>& rules, const std::vector<std::string>& labels,
                const std::vector<uint64_t>& counts, JsonWriter& json) {
  json.AddList(name, rules, [&](size_t i) {
    const auto found = static_cast<size_t>(std::find(labels.begin(), labels.end(), rules[i]) - labels.begin());
    json.Add("rule", rules[i]);
    json.Add("messages", found < counts.size() ? counts[found] : uint64_t{0});
  });
}

void WriteCounts(const RouteLabels& labels, const RouteTotals& totals, JsonWriter& json) {
  json.Add("sessions", static_cast<uint64_t>(std::max<int64_t>(totals.sessions, 0)));
  json.Add("requests", Total(totals.requests));
  json.Begin("by_status");
  for (size_t i = 0; i < totals.requests.size(); ++i) json.Add(StatusClassLabels::At(i), totals.requests[i]);
  json.End();
  json.Add("dropped", totals.dropped);
  WriteRules("critical", labels.critical, totals.labels.critical, totals.critical, json);
  WriteRules("conflate", labels.conflated, totals.labels.conflated, totals.conflated, json);
}

}  // namespace

std::string RoutesJson(const ConfigurationInForce& configuration, const std::vector<RouteTotals>& counted) {
  std::vector<RouteOptions> routes = configuration.options->routes;  // slots lead to values that may be changed
  JsonWriter json;
  json.Begin();
  json.AddList("routes", routes, [&](size_t i) {
    json.Add("path", routes[i].path);
    json.Add("backend", routes[i].backend);
    for (const RouteRow& row : RouteRows()) json.AddJson(row.name, OptionJson(*row.inherits, row.slot(routes[i])));
    WriteCounts(configuration.labels[i], TotalsOf(routes[i].path, counted), json);
  });
  json.End();
  return json.Take();
}

void AnswerRoutes(const Asked& asked, const AdminReply& reply) {
  reply({.body = RoutesJson(asked.source.Configuration(), asked.source.metrics().Sum().routes) + "\n"});
}

}  // namespace sheaf
