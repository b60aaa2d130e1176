// One look of `top` at a running Sheaf: the documents that it shows, taken one after another.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "proxy/base/status.h"
#include "proxy/cli/admin_client.h"
#include "proxy/cli/json_reader.h"

namespace sheaf::cli {

struct LookedAt {
  Json json;         // missing where `why` says why
  std::string body;  // as it came
  std::string why;   // refused; empty: it is there
};

struct Look {
  std::chrono::steady_clock::time_point time;  // of `stats`
  LookedAt stats;
  LookedAt pools;
  LookedAt connections;  // the first of `sort`
  LookedAt events;
};

// `sort`: as GET /connections takes it. The error says why there is no answer; what is refused is missing in the look.
Result<Look> TakeLook(const AdminClient& client, std::string_view sort);

// All of it as one JSON object on one line; null for what is missing.
std::string JsonOf(const Look& look);

}  // namespace sheaf::cli
