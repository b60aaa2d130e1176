#include "proxy/config/route_section.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "proxy/config/names.h"
#include "proxy/config/own_keys.h"
#include "proxy/config/route_checks.h"
#include "proxy/config/rules.h"
#include "proxy/plan/routes.h"

namespace sheaf {
namespace {

RouteOrigins NoOrigins() {
  return {{}, {}, std::vector<Origin>(RouteRows().size()), {}, {}};
}

class RouteReader {
 public:
  RouteReader(const FileSection& section, Configuration& configuration, std::vector<FileProblem>& problems)
      : section_(section),
        configuration_(configuration),
        problems_(problems),
        route_(InheritRoute(configuration.options, "")) {}

  bool Add() {
    const size_t problems_before = problems_.size();
    bool has_path = false;
    for (const FileKey& key : section_.keys) {
      has_path = has_path || key.name == "path";
      ReadKey(key);
    }
    if (!has_path) Report(section_.position, R"(a [[route]] must have a path, such as path = "/api")");
    if (problems_.size() == problems_before) {
      for (FileProblem& problem : FindRouteContradictions(configuration_.options, route_, section_)) {
        problems_.push_back(std::move(problem));
      }
    }
    configuration_.options.routes.push_back(std::move(route_));
    configuration_.route_origins.push_back(std::move(origins_));
    return rules_read_;
  }

 private:
  void Report(Position position, std::string text) { problems_.push_back({position, std::move(text)}); }

  void ReadKey(const FileKey& key) {
    if (key.name == "path") {
      ReadPath(key.value);
    } else if (key.name == "backend") {
      ReadBackend(key.value);
    } else if (key.name == NameOf(RuleList::kCritical)) {
      StoreRules(RuleList::kCritical, key, route_.critical, origins_.critical);
    } else if (key.name == NameOf(RuleList::kConflate)) {
      StoreRules(RuleList::kConflate, key, route_.conflate, origins_.conflate);
    } else if (!StoreOwnKey(RouteRows(), kRouteSection, key, route_, origins_.keys, problems_)) {
      Report(key.position, "unknown key " + QuoteToml(key.name) + " in [[route]]" + SuggestRouteKey(key.name));
    }
  }

  // Leaves the path empty when it is none or taken.
  void ReadPath(const FileValue& value) {
    if (std::string problem = CheckRoutePath(value); !problem.empty()) return Report(value.position, problem);
    const std::string path = *NormalizeRoutePath(value.text);
    const auto& routes = configuration_.options.routes;
    const auto earlier =
        std::find_if(routes.begin(), routes.end(), [&path](const RouteOptions& route) { return route.path == path; });
    if (earlier == routes.end()) {
      route_.path = path;
      origins_.path = value.position;
      return;
    }
    const Position place = configuration_.route_origins[static_cast<size_t>(earlier - routes.begin())].path;
    Report(value.position, "path " + QuoteToml(value.text) + " has a [[route]] already, on line " +
                               std::to_string(place.line) + ": keep one of them");
  }

  void ReadBackend(const FileValue& value) {
    OptionRow row = *FindOption("upstream", "url");
    row.section = kRouteSection;
    row.name = "backend";
    if (!StoreFileValue(row, &route_.backend, value, problems_)) return;
    origins_.backend = {Source::kFile, value.position};
    std::vector<std::string> names;
    for (const BackendOptions& backend : configuration_.options.backends) names.push_back(backend.name);
    if (std::find(names.begin(), names.end(), value.text) != names.end()) return;
    if (value.text.find(":/") != std::string::npos) {
      return Report(value.position, "route.backend is the name of a [[backend]], not " + QuoteToml(value.text) +
                                        ": write a [[backend]] with a name and this as its url");
    }
    Report(value.position,
           "there is no [[backend]] named " + QuoteToml(value.text) + SuggestBackendName(value.text, names));
  }

  void StoreRules(RuleList list, const FileKey& key, std::vector<RuleOptions>& rules, Origin& origin) {
    const size_t problems_before = problems_.size();
    rules = ReadRules(list, key.value, problems_);
    origin = {Source::kFile, key.value.position};
    rules_read_ = rules_read_ && problems_.size() == problems_before;
  }

  const FileSection& section_;
  Configuration& configuration_;
  std::vector<FileProblem>& problems_;
  RouteOptions route_;
  RouteOrigins origins_ = NoOrigins();
  bool rules_read_ = true;
};

}  // namespace

bool AddRouteSection(const FileSection& section, Configuration& configuration, std::vector<FileProblem>& problems) {
  return RouteReader(section, configuration, problems).Add();
}

void AddRootRoute(Configuration& configuration) {
  auto& routes = configuration.options.routes;
  if (std::any_of(routes.begin(), routes.end(), [](const RouteOptions& route) { return route.path == "/"; })) return;
  routes.push_back(InheritRoute(configuration.options, "/"));
  configuration.route_origins.push_back(NoOrigins());
}

}  // namespace sheaf
