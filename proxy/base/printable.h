// Text of others for a terminal, which obeys none of it. Pure; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sheaf {

// Control characters, those that change the direction of writing or show nothing, and bytes that are not UTF-8 are
// written \x1B or \u202E.
std::string Printable(std::string_view text);

// The same, one element a character of `text`.
std::vector<std::string> PrintableEach(std::string_view text);

// Columns that one element of PrintableEach takes.
size_t WidthOf(std::string_view shown);

}  // namespace sheaf
