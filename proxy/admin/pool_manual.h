// The manual of the connections to the backends' endpoints.
#pragma once

#include <span>

#include "proxy/admin/manual.h"

namespace sheaf {

std::span<const ManualRow> PoolManual();

}  // namespace sheaf
