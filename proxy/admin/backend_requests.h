// The endpoints of the backends: what they have to do, and draining one after another.
#pragma once

#include "proxy/admin/asked.h"

namespace sheaf {

void AnswerBackends(const Asked& asked, const AdminReply& reply);
// The endpoint of a Unix socket has slashes of its own.
void BeginDrainOfEndpoint(const Asked& asked, const AdminReply& reply);
void BeginUndrainOfEndpoint(const Asked& asked, const AdminReply& reply);

}  // namespace sheaf
