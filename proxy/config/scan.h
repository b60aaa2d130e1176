// What is open at a place of a conf file: the list, the table in braces or the text that has begun before it and not
// ended. Up to the place, the file is taken to be right. Pure; start-up code.
#pragma once

#include <cstdint>
#include <string>
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

// A copy in which every character beyond ASCII that stands in no text and no comment, where TOML has none, is a '?'.
// Lines and columns are the same. toml++ 3.3 reaches for such characters what it calls unreachable
// (is_non_ascii_horizontal_whitespace), which is undefined behaviour.
std::string WithoutForeignCharacters(std::string_view text);

}  // namespace sheaf
