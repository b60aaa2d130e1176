// The keys of a section that may be there many times: what it sets by itself of what it would inherit. Start-up code.
#pragma once

#include <algorithm>
#include <span>
#include <string_view>
#include <vector>

#include "proxy/base/option_table.h"
#include "proxy/config/sources.h"
#include "proxy/config/values.h"

namespace sheaf {

// Stores the value in `owner`, and where it came from in `origins`, which has an entry for each of `rows`. What is
// wrong with it is appended to `problems`. False: the section has no key of this name.
template <typename Row, typename Owner>
bool StoreOwnKey(std::span<const Row> rows, std::string_view section, const FileKey& key, Owner& owner,
                 std::vector<Origin>& origins, std::vector<FileProblem>& problems) {
  const auto row = std::find_if(rows.begin(), rows.end(), [&key](const Row& r) { return r.name == key.name; });
  if (row == rows.end()) return false;
  // In a message, the key has the name that it has here.
  OptionRow named = *row->inherits;
  named.section = section;
  named.name = row->name;
  if (StoreFileValue(named, row->slot(owner), key.value, problems)) {
    origins[static_cast<size_t>(row - rows.begin())] = {Source::kFile, key.value.position};
  }
  return true;
}

}  // namespace sheaf
