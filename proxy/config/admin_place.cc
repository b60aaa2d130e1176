#include "proxy/config/admin_place.h"

#include <utility>

#include "proxy/config/config.h"
#include "proxy/config/token_file.h"

namespace sheaf {
namespace {

Result<Options::Admin> LoadAdmin(const CommandLine& line, const char* const* environment) {
  const Result<ConfigSources> sources = CollectSources(line.config_file, line.settings, environment);
  if (!sources.ok()) return Error{sources.error()};
  Result<Configuration> loaded = LoadConfiguration(sources.value(), Purpose::kAsk);
  if (!loaded.ok()) {
    return Error{loaded.error() + "\n  -> --admin ADDRESS and --token-file FILE together ask without the conf file"};
  }
  return std::move(loaded.value().options.admin);
}

}  // namespace

Result<cli::AdminPlace> FindAdmin(const CommandLine& line, const char* const* environment) {
  const std::string address = line.asking.Value(cli::kAdminOption);
  const std::string token_file = line.asking.Value(cli::kTokenFileOption);
  cli::AdminPlace place{.address = address, .token = {}};
  if (address.empty() || token_file.empty()) {
    const Result<Options::Admin> admin = LoadAdmin(line, environment);
    if (!admin.ok()) return Error{admin.error()};
    if (address.empty()) place.address = admin.value().address;
    place.token = admin.value().token;
  }
  if (token_file.empty()) return place;
  TokenFile read = ReadTokenFile(token_file);
  if (!read.problem.empty()) return Error{std::string(cli::kTokenFileOption) + ": " + read.problem};
  place.token = std::move(read.token);
  return place;
}

}  // namespace sheaf
