// The answers that Sheaf gives itself: small JSON with the request id, or a small page where the client asks for HTML.
#pragma once

#include <string>
#include <string_view>

#include "proxy/base/status.h"
#include "proxy/wire/http1.h"

namespace sheaf {

struct ErrorAnswer {
  RefuseReason reason;
  std::string_view request_id;  // printable ASCII
  bool html = false;            // see WantsHtml
  bool head_request = false;    // no body
  bool close = true;
};

// The complete response, head and body. 503 has Retry-After, 405 Allow, 426 what to upgrade to.
std::string BuildErrorAnswer(const ErrorAnswer& answer);

// Whether the client lists text/html in Accept (browsers do, programs with JSON do not).
bool WantsHtml(const wire::RequestHead& request);

}  // namespace sheaf
