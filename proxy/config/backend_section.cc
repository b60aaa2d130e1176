#include "proxy/config/backend_section.h"

#include <algorithm>
#include <string>
#include <utility>

#include "proxy/config/names.h"
#include "proxy/config/own_keys.h"

namespace sheaf {
namespace {

class BackendReader {
 public:
  BackendReader(const FileSection& section, Configuration& configuration, std::vector<FileProblem>& problems)
      : section_(section),
        configuration_(configuration),
        problems_(problems),
        backend_(InheritBackend(configuration.options, "", {})) {
    origins_.section = section.position;
    origins_.keys.resize(BackendRows().size());
  }

  void Add() {
    for (const FileKey& key : section_.keys) ReadKey(key);
    PartFromSharedToken();
    if (urls_ == nullptr) {
      Report(section_.position,
             R"(a [[backend]] must have urls, such as urls = ["http://127.0.0.1:8001", "http://127.0.0.1:8002"])");
    }
    if (origins_.name.line == 0) {
      Report(section_.position, "a [[backend]] must have a name, which routes point to, such as name = \"realtime\"");
    }
    if (backend_.name.empty()) return;
    configuration_.options.backends.push_back(std::move(backend_));
    configuration_.backend_origins.push_back(std::move(origins_));
  }

 private:
  void Report(Position position, std::string text) { problems_.push_back({position, std::move(text)}); }

  void ReadKey(const FileKey& key) {
    if (key.name == "name") {
      ReadName(key.value);
    } else if (key.name == "url" || key.name == "urls") {
      ReadUrls(key);
    } else if (!StoreOwnKey(BackendRows(), kBackendSection, key, backend_, origins_.keys, problems_)) {
      Report(key.position, "unknown key " + QuoteToml(key.name) + " in [[backend]]" + SuggestBackendKey(key.name));
    }
  }

  // A token of its own has nothing to do with [upstream]'s file, and a file of its own nothing with its token.
  void PartFromSharedToken() {
    const bool own_token = OriginOfKey(origins_, "token").source != Source::kDefault;
    const bool own_file = OriginOfKey(origins_, "token_file").source != Source::kDefault;
    if (own_token && !own_file) backend_.token_file.clear();
    if (own_file && !own_token) backend_.token.clear();
  }

  // Leaves the name empty when it is no text, or taken.
  void ReadName(const FileValue& value) {
    origins_.name = value.position;
    OptionRow row = *FindOption("upstream", "url");
    row.section = kBackendSection;
    row.name = "name";
    std::string name;
    if (!StoreFileValue(row, &name, value, problems_)) {
      backend_.name = name;  // as it was written, so that its routes find it
      return;
    }
    if (name == kDefaultBackend) {
      return Report(value.position,
                    "\"default\" is the name of [upstream]'s backend: choose another name, or write it as [upstream]");
    }
    const auto& backends = configuration_.options.backends;
    const auto earlier = std::find_if(backends.begin(), backends.end(),
                                      [&name](const BackendOptions& backend) { return backend.name == name; });
    if (earlier == backends.end()) {
      backend_.name = name;
      return;
    }
    const Position place = configuration_.backend_origins[static_cast<size_t>(earlier - backends.begin())].name;
    Report(value.position, "name " + QuoteToml(name) + " has a [[backend]] already, on line " +
                               std::to_string(place.line) + ": choose another one, or give that one all the urls");
  }

  void ReadUrls(const FileKey& key) {
    if (urls_ != nullptr) {
      return Report(key.position, "backend.url and backend.urls are both set: name all of them in urls, remove url");
    }
    urls_ = &key;
    OptionRow row = *FindOption("upstream", "urls");
    row.section = kBackendSection;
    row.name = key.name;
    row.unit = OptionUnit::kOneOrList;
    if (!StoreFileValue(row, &backend_.urls, key.value, problems_)) return backend_.urls.clear();
    if (backend_.urls.empty()) {
      Report(key.value.position, "backend." + key.name + " must name a url: remove the [[backend]], or name one");
    }
    for (const FileValue& item : ItemsOf(key.value)) origins_.urls.push_back({Source::kFile, item.position});
  }

  const FileSection& section_;
  Configuration& configuration_;
  std::vector<FileProblem>& problems_;
  BackendOptions backend_;
  BackendOrigins origins_;
  const FileKey* urls_ = nullptr;  // url or urls, which was first
};

}  // namespace

void AddDefaultBackend(Configuration& configuration) {
  const Options& options = configuration.options;
  const std::string_view key = options.upstream.urls.empty() ? "url" : "urls";
  BackendOptions backend = DefaultBackend(options);
  BackendOrigins origins;
  origins.urls.assign(backend.urls.size(), OriginOf(configuration, *FindOption("upstream", key)));
  origins.keys.resize(BackendRows().size());
  configuration.options.backends.push_back(std::move(backend));
  configuration.backend_origins.push_back(std::move(origins));
}

void AddBackendSection(const FileSection& section, Configuration& configuration, std::vector<FileProblem>& problems) {
  BackendReader(section, configuration, problems).Add();
}

const Origin& OriginOfKey(const BackendOrigins& origins, std::string_view key) {
  const auto rows = BackendRows();
  const auto row = std::find_if(rows.begin(), rows.end(), [key](const BackendRow& r) { return r.name == key; });
  return origins.keys[static_cast<size_t>(row - rows.begin())];
}

bool HasRoute(const Options& options, std::string_view backend) {
  return std::any_of(options.routes.begin(), options.routes.end(),
                     [backend](const RouteOptions& route) { return route.backend == backend; });
}

}  // namespace sheaf
