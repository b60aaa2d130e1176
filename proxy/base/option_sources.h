// Where the values of a configuration came from, for whoever looks at it while it is in force.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sheaf {

// In order of precedence, lowest first.
enum class Source : uint8_t { kDefault, kFile, kEnvironment, kCommandLine };

constexpr std::string_view NameOf(Source source) {
  constexpr std::array<std::string_view, 4> kNames = {"default", "file", "environment", "command line"};
  return kNames[static_cast<size_t>(source)];
}

// For the keys of a section that may be there many times kDefault says that the value is inherited.
struct OptionSources {
  std::string file;                            // the conf file's path; empty: there is none
  std::vector<Source> options;                 // for each of OptionRows()
  std::vector<std::vector<Source>> routes;     // for each of Options::routes, of each of RouteRows()
  std::vector<std::vector<Source>> listeners;  // for each of Options::listeners, of each of ListenerRows()
  std::vector<std::vector<Source>> backends;   // for each of Options::backends, of each of BackendRows()
};

}  // namespace sheaf
