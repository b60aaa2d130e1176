// What is open at a place of a conf file: the list, the table in braces or the text that has begun before it and not
// ended. Up to the place, the file is taken to be right. Pure; start-up code.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "proxy/config/file.h"

namespace sheaf {

struct OpenPart {
  enum class Kind : uint8_t { kHeader, kList, kTable, kText };

  Kind kind;
  std::string_view end;  // what closes it: "]", "}", "\"", "'''" ...
  Position begin;
};

// Outermost first.
std::vector<OpenPart> FindOpenParts(std::string_view text, Position place);

}  // namespace sheaf
