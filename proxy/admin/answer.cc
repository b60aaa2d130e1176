#include "proxy/admin/answer.h"

#include "proxy/admin/json_writer.h"
#include "proxy/wire/http1_status.h"

namespace sheaf {

AdminAnswer RefusalAnswer(int status, std::string_view message) {
  JsonWriter json;
  json.Begin();
  json.Add("status", int64_t{status});
  json.Add("message", message);
  json.End();
  return {.status = status, .body = json.Take() + "\n"};
}

AdminAnswer RefuseAdminRequest(RefuseReason reason) {
  const RefuseReasonRow& row = Describe(reason);
  return RefusalAnswer(row.status, row.text);
}

AdminAnswer RefuseAdminBody(size_t most) {
  constexpr size_t kKib = 1024;
  const std::string limit =
      most >= kKib * kKib ? std::to_string(most / (kKib * kKib)) + " MiB" : std::to_string(most / kKib) + " KiB";
  return RefusalAnswer(413, "the body is larger than " + limit + ": send less at a time");
}

std::string SerializeAdminAnswer(const AdminAnswer& answer, bool head_request, bool keep_alive) {
  std::string bytes = "HTTP/1.1 ";
  bytes.append(std::to_string(answer.status)).append(" ").append(wire::StatusText(answer.status));
  bytes.append("\r\nContent-Type: ").append(answer.content_type);
  // Of a 304 it would be the length that a 200 had had (RFC 9110 8.6).
  if (answer.status != 304) bytes.append("\r\nContent-Length: ").append(std::to_string(answer.body.size()));
  bytes.append("\r\nCache-Control: ").append(answer.cache_control);
  bytes.append("\r\nX-Content-Type-Options: nosniff\r\n").append(answer.extra_fields);
  bytes.append(keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n");
  if (!head_request) bytes.append(answer.body);
  return bytes;
}

}  // namespace sheaf
