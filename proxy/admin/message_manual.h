// The manual of pushing messages.
#pragma once

#include <span>

#include "proxy/admin/manual.h"

namespace sheaf {

std::span<const ManualRow> MessageManual();

}  // namespace sheaf
