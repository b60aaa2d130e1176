// The path by which an operator names sessions: those of it, and of what is under it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sheaf {

inline constexpr std::string_view kSessionPathRemedy =
    "is a path such as /ws, without a query, a fragment or white space";

// In normal form without a slash at its end, as Push::whom has it. nullopt: it is none.
std::optional<std::string> ReadSessionPath(std::string_view text);

}  // namespace sheaf
