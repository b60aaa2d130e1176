#include "proxy/http/error_answer.h"

#include "proxy/wire/http1_status.h"

namespace sheaf {

namespace {

std::string Body(const RefuseReasonRow& row, const ErrorAnswer& answer) {
  const std::string status = std::to_string(row.status);
  std::string body;
  // Every part is a constant or the checked request id, so nothing needs escaping.
  if (answer.html) {
    body.append("<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>").append(status).append(" ");
    body.append(wire::StatusText(row.status)).append("</title></head><body><h1>").append(status).append(" ");
    body.append(wire::StatusText(row.status)).append("</h1><p>").append(row.text).append("</p><p><small>Request ");
    body.append(answer.request_id).append("</small></p></body></html>\n");
  } else {
    body.append("{\"status\":").append(status).append(",\"error\":\"").append(wire::StatusText(row.status));
    body.append("\",\"reason\":\"").append(row.label).append("\",\"message\":\"").append(row.text);
    body.append("\",\"request_id\":\"").append(answer.request_id).append("\"}\n");
  }
  return body;
}

// Memory needs a while to come free; the other reasons may be over at once.
std::string_view RetryAfter(RefuseReason reason) {
  return reason == RefuseReason::kMemoryCritical ? "Retry-After: 10\r\n" : "Retry-After: 1\r\n";
}

}  // namespace

std::string BuildErrorAnswer(const ErrorAnswer& answer) {
  const RefuseReasonRow& row = Describe(answer.reason);
  const std::string body = Body(row, answer);
  std::string response = "HTTP/1.1 " + std::to_string(row.status) + " ";
  response.append(wire::StatusText(row.status)).append("\r\nContent-Type: ");
  response.append(answer.html ? "text/html; charset=utf-8" : "application/json");
  response.append("\r\nContent-Length: ").append(std::to_string(body.size()));
  response.append("\r\nCache-Control: no-store\r\nX-Request-ID: ").append(answer.request_id).append("\r\n");
  if (row.status == 503) response.append(RetryAfter(answer.reason));
  if (row.status == 405) response.append("Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n");
  if (row.status == 426) response.append("Sec-WebSocket-Version: 13\r\nUpgrade: websocket\r\n");
  if (row.status == 426) {
    response.append(answer.close ? "Connection: Upgrade, close\r\n" : "Connection: Upgrade\r\n");
  } else if (answer.close) {
    response.append("Connection: close\r\n");
  }
  response.append("\r\n");
  if (!answer.head_request) response.append(body);
  return response;
}

bool WantsHtml(const wire::RequestHead& request) {
  for (const wire::Field& field : request.fields) {
    if (!wire::EqualsIgnoreCase(field.name, "Accept")) continue;
    std::string_view rest = field.value;
    while (!rest.empty()) {
      const size_t comma = rest.find(',');
      std::string_view range = rest.substr(0, comma);
      range = range.substr(0, range.find(';'));
      while (range.starts_with(' ')) range.remove_prefix(1);
      while (range.ends_with(' ')) range.remove_suffix(1);
      if (wire::EqualsIgnoreCase(range, "text/html")) return true;
      rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    }
  }
  return false;
}

}  // namespace sheaf
