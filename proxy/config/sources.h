// Where a configuration comes from: the texts of file, environment and command line as they are, and the place of a
// value in them. Start-up code, one thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "proxy/base/option_sources.h"
#include "proxy/base/option_table.h"
#include "proxy/base/status.h"
#include "proxy/config/file.h"

namespace sheaf {

struct ConfigSources {
  std::string file_name;  // as errors show it; empty: no file
  std::string file_text;
  std::vector<std::string> environment;  // "NAME=value"; names that do not begin with SHEAF_ are ignored
  std::vector<std::string> settings;     // "section.key=value"
};

// Reads the file, if `file_name` is not empty. `environment`: as environ, ended by a null pointer.
Result<ConfigSources> CollectSources(const std::string& file_name, std::vector<std::string> settings,
                                     const char* const* environment);

// Where a value came from.
struct Origin {
  Source source = Source::kDefault;  // of a route's, listener's or backend's key: inherited
  Position position;                 // in the file
};

// "sheaf.conf:12:1", "environment variable SHEAF_POOL_MIN_SIZE", "--set pool.min_size" or "default".
std::string DescribeOrigin(const Origin& origin, const OptionRow& row, const std::string& file_name);

}  // namespace sheaf
