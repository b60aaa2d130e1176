#include "proxy/doctor/request.h"

namespace sheaf::doctor {

std::string BuildRequest(const Question& question, const Manner& manner, bool says_https) {
  std::string head = "GET " + question.target + " HTTP/1.1\r\n";
  const auto add = [&head](std::string_view name, std::string_view value) {
    if (!value.empty()) head.append(name).append(": ").append(value).append("\r\n");
  };
  add("Host", manner.host);
  add("User-Agent", "sheaf-doctor");
  add("Accept", "*/*");
  // Browsers send none with the page itself.
  if (question.websocket || question.target.find("EIO=") != std::string::npos) add("Origin", manner.origin);
  if (question.websocket) {
    add("Connection", "Upgrade");
    add("Upgrade", "websocket");
    add("Sec-WebSocket-Version", "13");
    add("Sec-WebSocket-Key", kWebSocketKey);
    add("Sec-WebSocket-Protocol", manner.subprotocols);
  } else {
    add("Connection", "close");
  }
  if (says_https) add("X-Forwarded-Proto", "https");
  for (const std::string& line : manner.fields) head.append(line).append("\r\n");
  return head.append("\r\n");
}

}  // namespace sheaf::doctor
