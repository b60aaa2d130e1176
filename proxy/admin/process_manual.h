// The manual of what concerns the whole process: probes, reload, and the description of it all.
#pragma once

#include <span>

#include "proxy/admin/manual.h"

namespace sheaf {

std::span<const ManualRow> ProcessManual();

}  // namespace sheaf
