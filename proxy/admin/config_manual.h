// The manual of the configuration in force, and of what it comes to for each route.
#pragma once

#include <span>

#include "proxy/admin/manual.h"

namespace sheaf {

std::span<const ManualRow> ConfigManual();

}  // namespace sheaf
