// Who is connected: a page of the sessions that a query names, and one of them.
#pragma once

#include <string_view>

#include "proxy/admin/asked.h"
#include "proxy/base/session_view.h"
#include "proxy/base/status.h"

namespace sheaf {

// The query of a target that its rows in paths.cc have let pass. The error names the parameter and the remedy.
Result<SessionQuery> ReadSessionQuery(std::string_view target);

void AnswerConnections(const Asked& asked, const AdminReply& reply);
void AnswerConnection(const Asked& asked, const AdminReply& reply);

}  // namespace sheaf
