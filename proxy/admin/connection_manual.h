// The manual of who is connected.
#pragma once

#include <span>

#include "proxy/admin/manual.h"

namespace sheaf {

std::span<const ManualRow> ConnectionManual();

}  // namespace sheaf
