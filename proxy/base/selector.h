// Which sessions are meant, of those that are connected now and not on their way out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sheaf {

struct Selector {
  enum class By : uint8_t { kSession, kUser, kPath, kBackend, kAll };

  By by = By::kAll;
  // A session id; a user; a path in normal form without a slash at its end ("/": all paths); a backend's name, or
  // "name/endpoint". Empty where all are meant.
  std::string whom = {};
};

// The key of JSON that says it.
constexpr std::string_view NameOf(Selector::By by) {
  constexpr std::string_view kNames[] = {"session_id", "user_id", "path", "backend", "all"};
  return kNames[static_cast<size_t>(by)];
}

}  // namespace sheaf
