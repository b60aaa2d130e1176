// POST /api/messages and /api/messages/batch: what is read and told is in push_json.h.
#pragma once

#include "proxy/admin/asked.h"

namespace sheaf {

void BeginPush(const Asked& asked, const AdminReply& reply);
void BeginPushes(const Asked& asked, const AdminReply& reply);

}  // namespace sheaf
