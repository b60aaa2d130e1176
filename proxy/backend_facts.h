// What is to be known of all backends together: for the start, for readiness, and for the log. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pool/backend.h"
#include "proxy/base/option_table.h"

namespace sheaf {

// How many connections pool.min_size keeps warm, to all endpoints.
uint32_t WarmLinks(const std::vector<pool::Backend>& backends, const Options::Pool& options);

// An endpoint to which a dial costs nothing; nullptr: there is none.
pool::EndpointRef FindDialledForFree(const std::vector<pool::Backend>& backends);

// Ready is when each backend that a route leads to has an endpoint that is up. Empty, or the reason why not: a
// constant.
std::string_view WhyNotReady(const std::vector<pool::Backend>& backends, const Options& options);

// All urls, for the log.
std::string UrlsOf(const Options& options);

}  // namespace sheaf
