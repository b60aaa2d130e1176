// What an operator has done to sessions and to the log, by POST (action_json.h).
#pragma once

#include "proxy/admin/asked.h"

namespace sheaf {

void BeginFlush(const Asked& asked, const AdminReply& reply);
void BeginClose(const Asked& asked, const AdminReply& reply);
void BeginRebalance(const Asked& asked, const AdminReply& reply);
// Until the next reload, or restart.
void ChangeLogLevel(const Asked& asked, const AdminReply& reply);

}  // namespace sheaf
