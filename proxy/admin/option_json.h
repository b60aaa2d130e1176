// Values of the configuration as JSON. Pure.
#pragma once

#include <string>

#include "proxy/base/option_table.h"

namespace sheaf {

// As the conf file writes it, which for values is JSON too: 200, true, "64KiB", ["a", "b"]. Of a secret only whether
// there is one: "hidden", or "".
inline std::string OptionJson(const OptionRow& row, const OptionSlot& slot) {
  const std::string value = FormatValue(row, slot);
  return row.secret && value != "\"\"" ? "\"hidden\"" : value;
}

}  // namespace sheaf
