// What is wrong with a conf file that is not TOML, and the remedy: missing quotes, a section given twice, YAML. Judged
// by the line itself, since the parser only says which character it did not expect. Pure; start-up code.
//
//   sheaf.conf:3:11: a text, and a time or a size with a unit, is written in quotes: timeout = "50ms"
//       timeout = 50ms
//                 ^
#pragma once

#include <optional>
#include <string_view>

#include "proxy/config/file.h"

namespace sheaf {

// What the parser says.
struct SyntaxError {
  Position position;
  std::string_view description;
  bool repeated = false;                         // a key or a section that is there already
  std::optional<Position> first = std::nullopt;  // where, if that is known
};

FileProblem ExplainSyntax(std::string_view text, const SyntaxError& error);

}  // namespace sheaf
