// What GET /config and GET /routes are answered from: the configuration in force.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "proxy/base/option_sources.h"
#include "proxy/base/option_table.h"
#include "proxy/base/route_counters.h"

namespace sheaf {

struct ConfigurationInForce {
  uint64_t generation = 0;
  std::string digest;  // of the conf file: SHA-256 in hexadecimal; empty: there is no file
  std::chrono::nanoseconds age{0};
  std::shared_ptr<const Options> options;
  std::shared_ptr<const OptionSources> sources;
  std::vector<RouteLabels> labels;  // for each of the options' routes
};

}  // namespace sheaf
