// Answers of the admin listener as people read them. Pure; each returns lines with their ends.
#pragma once

#include <string>

#include "proxy/cli/json_reader.h"

namespace sheaf::cli {

// GET /connections: a table; GET /connections/<id>: a line for each field.
std::string PrintConnections(const Json& answer);

// What an action tells: "ok: generation 2, sessions 12". What is empty is left out.
std::string PrintAnswer(const Json& answer);

// A value by what its name tells of its unit: "sent_bytes" in KiB, "idle_seconds" as time.
std::string ValueText(const std::string& name, const Json& value);

}  // namespace sheaf::cli
