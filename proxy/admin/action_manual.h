// The manual of what an operator does to sessions and to the process.
#pragma once

#include <span>

#include "proxy/admin/manual.h"

namespace sheaf {

std::span<const ManualRow> ActionManual();

}  // namespace sheaf
