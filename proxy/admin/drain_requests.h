// The drain of the process, asked for by an operator or a preStop hook.
#pragma once

#include "proxy/admin/asked.h"

namespace sheaf {

void BeginDrain(const Asked& asked, const AdminReply& reply);
// The answer comes when it is over.
void AwaitDrain(const Asked& asked, const AdminReply& reply);
void BeginUndrain(const Asked& asked, const AdminReply& reply);

}  // namespace sheaf
