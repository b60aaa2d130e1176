// The stats document as a person reads it first. Pure.
#pragma once

#include <string>

#include "proxy/cli/json_reader.h"

namespace sheaf::cli {

// GET /api/performance/websocket/stats: a line or two for each group of figures, with line ends.
std::string PrintStats(const Json& stats);

// The line that begins it, and `top`: version, time since the start, whether it is ready, generation.
std::string HeadText(const Json& stats);

// "45.1 % of 512 MiB, normal (60/72/80), RSS 210 MiB".
std::string MemoryText(const Json& memory);

}  // namespace sheaf::cli
