// The admin listener as an OpenAPI 3.1 document, written from the rows of paths.h and manual.h.
#pragma once

#include <string>
#include <string_view>

#include "proxy/admin/asked.h"

namespace sheaf {

// `version`: of the program.
std::string OpenApiJson(std::string_view version);

// GET /openapi.json.
void AnswerOpenApi(const Asked& asked, const AdminReply& reply);

}  // namespace sheaf
