// GET /connections and GET /connections/<id> as JSON; the fields are in api.md. Pure.
#pragma once

#include <string>

#include "proxy/base/session_view.h"

namespace sheaf {

// `query`: what was asked.
std::string ConnectionsJson(const SessionQuery& query, const SessionList& list);
std::string ConnectionJson(const SessionDetail& detail);

}  // namespace sheaf
