// The manual of the summary and of the history.
#pragma once

#include <span>

#include "proxy/admin/manual.h"

namespace sheaf {

std::span<const ManualRow> HistoryManual();

}  // namespace sheaf
