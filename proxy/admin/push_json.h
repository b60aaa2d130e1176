// POST /api/messages and /api/messages/batch: JSON in, pushes out, and what came of them as JSON (api.md).
// Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/push.h"
#include "proxy/base/status.h"

namespace sheaf {

// The pushes of a body: one message, or those of its list "messages". All are checked before this succeeds; an error
// names the place and the remedy.
Result<std::vector<Push>> ReadPush(std::string_view body);
Result<std::vector<Push>> ReadPushes(std::string_view body);

// The answer's status and body.
struct PushReport {
  int status = 200;
  std::string body;
};
PushReport ReportPush(const Push& push, const PushAnswer& answer);
PushReport ReportPushes(const std::vector<Push>& pushes, const PushAnswer& answer);

}  // namespace sheaf
