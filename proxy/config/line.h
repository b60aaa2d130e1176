// One line of a conf file that may not be TOML, taken apart as far as that goes. Pure; start-up code.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sheaf {

struct ConfigLine {
  std::string_view text;   // without blanks around it, and without a comment
  std::string_view key;    // before the first = that is not in quotes, without blanks around it
  std::string_view value;  // behind it; empty: none
  bool has_equals = false;
  size_t value_column = 0;  // in characters, from 1
};

ConfigLine TakeApart(std::string_view line);

// Of the file's beginning, which ends before the line in question: the section that the line is in, "" at the top.
std::string SectionAtEnd(std::string_view beginning);

std::string_view TrimBlanks(std::string_view text);

// How many characters `text` has.
size_t CountCharacters(std::string_view text);

}  // namespace sheaf
