#include "proxy/libraries.h"

#include <rapidjson/rapidjson.h>
#include <toml++/toml.h>

#include <algorithm>

#include "proxy/net/libraries.h"
#include "proxy/wire/libraries.h"

namespace sheaf {
namespace {

void AppendLine(std::string_view name, std::string_view version, std::string& text) {
  constexpr size_t kColumn = 10;
  text.append("\n").append(name).append(kColumn - std::min(name.size(), kColumn - 1), ' ').append(version);
}

std::string TomlVersion() {
  return std::to_string(TOML_LIB_MAJOR) + "." + std::to_string(TOML_LIB_MINOR) + "." + std::to_string(TOML_LIB_PATCH);
}

}  // namespace

std::vector<Library> Libraries() {
  std::vector<Library> libraries = net::Libraries();
  for (Library& library : wire::Libraries()) libraries.push_back(std::move(library));
  libraries.push_back({"RapidJSON", RAPIDJSON_VERSION_STRING, ""});
  libraries.push_back({"toml++", TomlVersion(), ""});
  libraries.push_back({"glog", SHEAF_GLOG_VERSION, ""});
  return libraries;
}

std::string VersionText(std::string_view version, std::string_view commit, const std::vector<Library>& libraries) {
  std::string text(version);
  AppendLine("commit", commit, text);
  for (const Library& library : libraries) {
    const bool other = !library.running.empty() && library.running != library.built;
    AppendLine(library.name, other ? library.running + " (built with " + library.built + ")" : library.built, text);
  }
  return text;
}

}  // namespace sheaf
