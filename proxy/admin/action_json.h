// The bodies of POST /flush, /close, /rebalance and /log_level, and what came of them as JSON (api.md). An error names
// the key and the remedy. Pure; any thread.
#pragma once

#include <string_view>

#include "proxy/admin/answer.h"
#include "proxy/base/log.h"
#include "proxy/base/session_action.h"
#include "proxy/base/status.h"

namespace sheaf {

// An empty body means all sessions.
Result<Selector> ReadFlush(std::string_view body);
Result<CloseAction> ReadClose(std::string_view body);
Result<CloseAction> ReadRebalance(std::string_view body);
Result<LogLevel> ReadLogLevel(std::string_view body);

std::string_view NameOf(LogLevel level);

AdminAnswer ReportFlush(const Selector& of, const ActionAnswer& answer);
// Of a rebalance, too.
AdminAnswer ReportClose(const Selector& of, const ActionAnswer& answer);
AdminAnswer ReportLogLevel(LogLevel level, LogLevel before);

}  // namespace sheaf
