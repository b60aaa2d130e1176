// What the admin listener answers a request with.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "proxy/base/status.h"

namespace sheaf {

struct AdminAnswer {
  int status = 200;
  std::string_view content_type = "application/json";  // a constant
  std::string extra_fields = {};                       // whole field lines with CRLF, or empty
  std::string body = {};
  std::string_view cache_control = "no-store";
  bool foreign_host = false;  // refused for its Host, which the operator should hear of
};

// Takes the answer; any thread, once, at once or later.
using AdminReply = std::function<void(AdminAnswer)>;

// {"status":...,"message":"..."}: what is wrong, and the remedy.
AdminAnswer RefusalAnswer(int status, std::string_view message);

// For a head that could not be parsed, and for what did not come in time.
AdminAnswer RefuseAdminRequest(RefuseReason reason);
// For a body with more than `most` bytes.
AdminAnswer RefuseAdminBody(size_t most);

// The answer as bytes. `head_request`: without the body.
std::string SerializeAdminAnswer(const AdminAnswer& answer, bool head_request, bool keep_alive);

}  // namespace sheaf
