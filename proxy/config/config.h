// From the conf file, the environment and the command line to checked Options. Start-up code, one thread.
//
//   Result<ConfigSources> sources = CollectSources("sheaf.conf", settings, environ);  // sources.h
//   Result<Configuration> configuration = LoadConfiguration(sources.value());
//   if (!configuration.ok()) std::cerr << configuration.error();
//
// Precedence: command line (--set), environment (SHEAF_SECTION_KEY; empty: as if unset), file, default. Nothing is half
// configured: either all is right, or there is no configuration but the list of everything that is wrong.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "proxy/base/option_table.h"
#include "proxy/base/status.h"
#include "proxy/config/file.h"
#include "proxy/config/sources.h"

namespace sheaf {

struct RouteOrigins {
  Position path;  // line 0: no [[route]] has written it
  Origin backend;
  std::vector<Origin> keys;  // for each of RouteRows()
  Origin critical;           // kDefault: it has none
  Origin conflate;
};

struct ListenerOrigins {
  Position section;  // of the [[listener]]; line 0: it is of [listen]
  Origin address;
  std::vector<Origin> keys;  // for each of ListenerRows()
};

struct BackendOrigins {
  Position section;  // of the [[backend]]; line 0: it is of [upstream]
  Position name;
  std::vector<Origin> urls;  // for each of its urls
  std::vector<Origin> keys;  // for each of BackendRows()
};

struct Configuration {
  Options options;
  std::string file_name;
  std::string digest;                             // of the file: SHA-256 in hexadecimal; empty: there is no file
  std::vector<Origin> origins;                    // for each of OptionRows()
  std::vector<RouteOrigins> route_origins;        // for each of options.routes
  std::vector<ListenerOrigins> listener_origins;  // for each of options.listeners
  std::vector<BackendOrigins> backend_origins;    // for each of options.backends
  std::vector<std::string> warnings;              // of what works, but not for long: a line each, with its place
  std::vector<std::string> notes;                 // of kCheck: what this user may not do
  // Names of variables that begin with SHEAF_ and set nothing: Kubernetes' service links, and others'.
  std::vector<std::string> service_links;
  std::vector<std::string> foreign_variables;
};

const Origin& OriginOf(const Configuration& configuration, const OptionRow& row);

// To serve, a file that this user may not read is an error; to check what another user will serve, it is a note. To ask
// one that runs, nothing counts but [admin].
enum class Purpose : uint8_t { kServe, kCheck, kAsk };

// The error has a line for each thing that is wrong, in the order file (from its top), environment, command line, and
// below an error of syntax the line of the file (config_syntax.h). Nothing in it is obeyed by a terminal.
//
//   sheaf.conf:12:1: unknown key "min_sise" in [pool]; did you mean "min_size"?
//   environment variable SHEAF_LOG_LEVEL: log.level must be "debug", "info", "warning" or "error", not "loud"
Result<Configuration> LoadConfiguration(const ConfigSources& sources, Purpose purpose = Purpose::kServe);

}  // namespace sheaf
