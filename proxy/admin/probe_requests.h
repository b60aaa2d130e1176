// The probes: well or not, for kubelets and load balancers.
#pragma once

#include "proxy/admin/asked.h"

namespace sheaf {

void AnswerLive(const Asked& asked, const AdminReply& reply);
void AnswerReady(const Asked& asked, const AdminReply& reply);
void AnswerStarted(const Asked& asked, const AdminReply& reply);

}  // namespace sheaf
