// POST /reload.
#pragma once

#include "proxy/admin/asked.h"

namespace sheaf {

// 422: the request was as it should be, the configuration was not.
void BeginReload(const Asked& asked, const AdminReply& reply);

}  // namespace sheaf
