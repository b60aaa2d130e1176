#include "proxy/admin/backends_json.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "proxy/admin/json_writer.h"

namespace sheaf {
namespace {

using Endpoints = std::span<const std::shared_ptr<const EndpointCounters>>;

void WriteEndpoint(const EndpointCounters& endpoint, JsonWriter& json) {
  json.Add("endpoint", endpoint.endpoint);
  json.Add("state", StateOf(endpoint));
  json.Add("up", endpoint.up.load());
  json.Add("sessions", uint64_t{endpoint.sessions});
  json.Add("requests", endpoint.requests_total.load());
  json.Add("failures", endpoint.failures_total.load());
  json.Begin("connections");
  for (size_t i = 0; i < endpoint.links.size(); ++i) json.Add(LinkStateLabels::At(i), uint64_t{endpoint.links[i]});
  json.End();
}

std::vector<Endpoints> ByBackend(Endpoints endpoints) {
  std::vector<Endpoints> backends;
  while (!endpoints.empty()) {
    const auto end = std::find_if(endpoints.begin(), endpoints.end(),
                                  [&endpoints](const auto& one) { return one->backend != endpoints.front()->backend; });
    const auto count = static_cast<size_t>(end - endpoints.begin());
    backends.push_back(endpoints.first(count));
    endpoints = endpoints.subspan(count);
  }
  return backends;
}

}  // namespace

std::string_view StateOf(const EndpointCounters& endpoint) {
  if (endpoint.removed) return "removed";
  if (endpoint.unlisted) return "unlisted";
  if (endpoint.draining) return "draining";
  return endpoint.up ? "up" : "down";
}

std::string BackendsJson(Endpoints endpoints) {
  const std::vector<Endpoints> backends = ByBackend(endpoints);
  JsonWriter json;
  json.Begin();
  json.AddList("backends", backends, [&](size_t i) {
    json.Add("name", backends[i].front()->backend);
    json.AddList("endpoints", backends[i], [&](size_t k) { WriteEndpoint(*backends[i][k], json); });
  });
  json.End();
  return json.Take();
}

}  // namespace sheaf
