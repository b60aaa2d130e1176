// Paths and event names that are written as patterns (globs, regular expressions, parameters), as other proxies and
// frameworks take them. Sheaf compares them as they are, so such a one would never match. Pure; start-up code.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sheaf {

// The path that has all that the pattern was meant for: "/ws" for "/ws/*", "^/ws/.*" and "/ws/:room". nullopt: `path`
// is no pattern.
std::optional<std::string> PathMeantBy(std::string_view path);

// What an event's name begins with for the pattern to match: "price_" for "price_*" and "^price_.*". nullopt: `event`
// is no pattern.
std::optional<std::string> BeginningMeantBy(std::string_view event);

}  // namespace sheaf
