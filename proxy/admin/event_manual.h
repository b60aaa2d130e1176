// The manual of what happened to the process.
#pragma once

#include <span>

#include "proxy/admin/manual.h"

namespace sheaf {

std::span<const ManualRow> EventManual();

}  // namespace sheaf
