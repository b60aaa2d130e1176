// What people write who know another program: the names of Sheaf's predecessor in Python, and those of other proxies,
// each with the option that does here what it does there. Only where one clearly does. Start-up code.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace sheaf {

// Whose name it is tells whether a variable of the environment may be meant: SHEAF_MIN_POOL_SIZE can be for Sheaf
// alone, SHEAF_PORT can be anybody's.
enum class NameOrigin : uint8_t { kPredecessor, kOtherProxy };

struct ForeignName {
  std::string_view name;  // in small letters
  std::string_view section;
  std::string_view option;
  NameOrigin origin;
};

std::span<const ForeignName> ForeignNames();

// `name`: with or without sections before it ("connection_pool.min_size"), in letters of any case, with _ or -.
// nullptr: nobody calls an option so.
const ForeignName* FindForeignName(std::string_view name);

struct ForeignSection {
  std::string_view name;
  std::string_view section;
};

std::span<const ForeignSection> ForeignSections();

}  // namespace sheaf
