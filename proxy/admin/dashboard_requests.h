// The dashboard: one page and its files, which have no secret in them. Figures the page asks for like any other client.
#pragma once

#include "proxy/admin/asked.h"

namespace sheaf {

// The page itself.
void AnswerDashboard(const Asked& asked, const AdminReply& reply);
// A file that it needs, by Asked::name.
void AnswerDashboardFile(const Asked& asked, const AdminReply& reply);

}  // namespace sheaf
