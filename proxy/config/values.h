// One value of the configuration: has it the type and the form that its row asks for? Start-up code.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/option_table.h"
#include "proxy/config/file.h"

namespace sheaf {

// The checks below return what is wrong, as "must be ..., not ...", or an empty string.

// The type that the value has in the conf file.
std::string CheckType(const OptionRow& row, const FileValue& value);

// Reads, checks and stores.
std::string StoreText(const OptionRow& row, const OptionSlot& slot, std::string_view text);

// A value of the file: type, form and bounds. False, and appended to `problems`, when it does not fit. Where a list may
// stand, a text is a list of one, and a comma is part of it.
[[nodiscard]] bool StoreFileValue(const OptionRow& row, const OptionSlot& slot, const FileValue& value,
                                  std::vector<FileProblem>& problems);

// The items of a list; of anything else, the one that it is.
std::vector<FileValue> ItemsOf(const FileValue& value);

}  // namespace sheaf
