// The manual of what is asked and done about endpoints of backends.
#pragma once

#include <span>

#include "proxy/admin/manual.h"

namespace sheaf {

std::span<const ManualRow> BackendManual();

}  // namespace sheaf
