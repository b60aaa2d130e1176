// The manual of /metrics and of the statistics.
#pragma once

#include <span>

#include "proxy/admin/manual.h"

namespace sheaf {

std::span<const ManualRow> StatsManual();

}  // namespace sheaf
