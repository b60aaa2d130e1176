// GET /config: the options in force, with where they came from; secrets hidden.
#pragma once

#include <string>

#include "proxy/admin/asked.h"
#include "proxy/admin/configuration.h"

namespace sheaf {

void AnswerConfig(const Asked& asked, const AdminReply& reply);

// Its fields are in api.md. Pure.
std::string ConfigJson(const ConfigurationInForce& configuration);

}  // namespace sheaf
