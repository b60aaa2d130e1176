#include "proxy/admin/config_requests.h"

#include <span>
#include <string_view>
#include <vector>

#include "proxy/admin/json_writer.h"
#include "proxy/admin/option_json.h"

namespace sheaf {
namespace {

// kDefault where nobody has kept it.
Source SourceAt(const std::vector<Source>& sources, size_t i) {
  return i < sources.size() ? sources[i] : Source::kDefault;
}
std::vector<Source> SourcesAt(const std::vector<std::vector<Source>>& sections, size_t i) {
  return i < sections.size() ? sections[i] : std::vector<Source>{};
}

void WriteOptions(Options& options, const std::vector<Source>& sources, JsonWriter& json) {
  const auto rows = OptionRows();
  json.AddList("options", rows, [&](size_t i) {
    json.Add("name", rows[i].FullName());
    json.AddJson("value", OptionJson(rows[i], rows[i].slot(options)));
    json.Add("source", NameOf(SourceAt(sources, i)));
    json.Add("reload", NameOf(rows[i].takes));
  });
}

// The keys of a section that may be there many times. `sources`: for each of `rows`.
template <typename Row, typename Owner>
void WriteKeys(std::span<const Row> rows, Owner& owner, const std::vector<Source>& sources, JsonWriter& json) {
  json.AddList("options", rows, [&](size_t i) {
    const Source source = SourceAt(sources, i);
    json.Add("name", rows[i].name);
    json.AddJson("value", OptionJson(*rows[i].inherits, rows[i].slot(owner)));
    json.Add("source", source == Source::kDefault ? std::string_view("inherited") : NameOf(source));
  });
}

void WriteRoutes(Options& options, const ConfigurationInForce& configuration, JsonWriter& json) {
  json.AddList("routes", options.routes, [&](size_t i) {
    json.Add("path", options.routes[i].path);
    json.Add("backend", options.routes[i].backend);
    WriteKeys(RouteRows(), options.routes[i], SourcesAt(configuration.sources->routes, i), json);
    json.AddTexts("critical", configuration.labels[i].critical);
    json.AddTexts("conflate", configuration.labels[i].conflated);
  });
}

}  // namespace

std::string ConfigJson(const ConfigurationInForce& configuration) {
  Options options = *configuration.options;  // slots lead to values that may be changed
  const OptionSources& sources = *configuration.sources;
  JsonWriter json;
  json.Begin();
  json.Add("generation", configuration.generation);
  json.Add("file", sources.file);
  json.Add("sha256", configuration.digest);
  json.Add("age_seconds", std::chrono::duration<double>(configuration.age).count());
  WriteOptions(options, sources.options, json);
  WriteRoutes(options, configuration, json);
  json.AddList("backends", options.backends, [&](size_t i) {
    json.Add("name", options.backends[i].name);
    json.AddTexts("urls", options.backends[i].urls);
    WriteKeys(BackendRows(), options.backends[i], SourcesAt(sources.backends, i), json);
  });
  json.AddList("listeners", options.listeners, [&](size_t i) {
    json.Add("address", options.listeners[i].address);
    WriteKeys(ListenerRows(), options.listeners[i], SourcesAt(sources.listeners, i), json);
  });
  json.End();
  return json.Take();
}

void AnswerConfig(const Asked& asked, const AdminReply& reply) {
  reply({.body = ConfigJson(asked.source.Configuration()) + "\n"});
}

}  // namespace sheaf
