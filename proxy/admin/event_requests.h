// GET /events: what happened to the process as a whole.
#pragma once

#include <string>

#include "proxy/admin/asked.h"
#include "proxy/base/events.h"

namespace sheaf {

void AnswerEvents(const Asked& asked, const AdminReply& reply);

// Its fields are in api.md. Pure.
std::string EventsJson(const EventRing::Look& look);

}  // namespace sheaf
