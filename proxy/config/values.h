// One value of the configuration: has it the type and the form that its row asks for? Start-up code.
#pragma once

#include <string>
#include <string_view>

#include "proxy/base/option_table.h"
#include "proxy/config/file.h"

namespace sheaf {

// All return what is wrong, as "must be ..., not ...", or an empty string.

// The type that the value has in the conf file.
std::string CheckType(const OptionRow& row, const FileValue& value);

// Reads, checks and stores.
std::string StoreText(const OptionRow& row, const OptionSlot& slot, std::string_view text);

}  // namespace sheaf
