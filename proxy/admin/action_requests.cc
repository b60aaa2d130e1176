#include "proxy/admin/action_requests.h"

#include <algorithm>
#include <utility>

#include "proxy/admin/action_json.h"
#include "proxy/base/log.h"

namespace sheaf {
namespace {

void Close(const Asked& asked, Result<CloseAction> read, const AdminReply& reply) {
  if (!read.ok()) return reply(RefusalAnswer(400, read.error()));
  const Selector of = read.value().of;
  asked.source.Close(std::move(read.value()),
                     [of, reply](const ActionAnswer& answer) { reply(ReportClose(of, answer)); });
}

}  // namespace

void BeginFlush(const Asked& asked, const AdminReply& reply) {
  const Result<Selector> of = ReadFlush(asked.body);
  if (!of.ok()) return reply(RefusalAnswer(400, of.error()));
  asked.source.Flush(of.value(),
                     [of = of.value(), reply](const ActionAnswer& answer) { reply(ReportFlush(of, answer)); });
}

void BeginClose(const Asked& asked, const AdminReply& reply) {
  Close(asked, ReadClose(asked.body), reply);
}

void BeginRebalance(const Asked& asked, const AdminReply& reply) {
  Close(asked, ReadRebalance(asked.body), reply);
}

void ChangeLogLevel(const Asked& asked, const AdminReply& reply) {
  const Result<LogLevel> level = ReadLogLevel(asked.body);
  if (!level.ok()) return reply(RefusalAnswer(400, level.error()));
  const LogLevel before = CurrentLogLevel();
  // The line is to be seen where either of the two lets it.
  SetLogLevel(std::min(before, level.value()));
  Log(LogLevel::kInfo, "log level changed", {{"level", NameOf(level.value())}, {"before", NameOf(before)}});
  SetLogLevel(level.value());
  reply(ReportLogLevel(level.value(), before));
}

}  // namespace sheaf
