#include "proxy/admin/message_requests.h"

#include <utility>
#include <vector>

#include "proxy/admin/push_json.h"

namespace sheaf {

void BeginPush(const Asked& asked, const AdminReply& reply) {
  auto read = ReadPush(asked.body);
  if (!read.ok()) return reply(RefusalAnswer(400, read.error()));
  const Push push = read.value().front();
  asked.source.Deliver(std::move(read.value()), [push, reply](const PushAnswer& answer) {
    PushReport report = ReportPush(push, answer);
    reply({.status = report.status, .body = std::move(report.body)});
  });
}

void BeginPushes(const Asked& asked, const AdminReply& reply) {
  auto read = ReadPushes(asked.body);
  if (!read.ok()) return reply(RefusalAnswer(400, read.error()));
  std::vector<Push> pushes = read.value();
  for (Push& push : pushes) push.payload.clear();  // for the report they need not be kept
  asked.source.Deliver(std::move(read.value()), [pushes, reply](const PushAnswer& answer) {
    PushReport report = ReportPushes(pushes, answer);
    reply({.status = report.status, .body = std::move(report.body)});
  });
}

}  // namespace sheaf
