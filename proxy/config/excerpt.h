// What an error shows of the conf file: a line of it and a caret under the place. What a terminal would obey, and what
// is secret, is not shown. Pure; start-up code.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/config/file.h"

namespace sheaf {

// Lines `first` to `last` of `text`, counted from 1, without the end of the last; empty when there are none. A byte
// order mark belongs to no line. A view into `text`, also when empty.
std::string_view LinesOf(std::string_view text, uint32_t first, uint32_t last);
std::string_view LineOf(std::string_view text, uint32_t number);

// Whether the lines name something secret, such as admin.token: the word alone decides, whatever the syntax. Wider than
// the option table: in a file that is wrong, a key may have any name.
bool NamesSecret(std::string_view lines);

// "    timeout = 50ms\n              ^". Of a long line, the part around the caret. `begin`: where the statement
// begins that the place belongs to; when it names a secret, what follows the name is "<redacted>" and the caret stands
// under that.
std::string Excerpt(std::string_view text, Position begin, Position place);

}  // namespace sheaf
