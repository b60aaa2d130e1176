// Times, sizes and permissions as people write them: "50ms", "5s", "10m", "1h"; "4096", "64KiB", "16MiB", Kubernetes'
// "256Mi"; "0660". Values; any thread; usable at compile time, so that the option table can state its defaults in the
// form in which the conf file shows them.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/base/ascii.h"

namespace sheaf {

// Decimal digits only: no sign, no blanks. nullopt: anything else, or a number that 63 bits do not hold (TOML's range).
constexpr std::optional<uint64_t> ParseNumber(std::string_view text) {
  if (text.empty()) return std::nullopt;
  constexpr auto kMost = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  uint64_t number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<uint64_t>(c - '0');
    if (number > (kMost - digit) / 10) return std::nullopt;
    number = number * 10 + digit;
  }
  return number;
}

namespace unit_internal {

struct Unit {
  std::string_view name;
  uint64_t size;
};

// "ms" stands before "s" and "m", so that its last letter is not taken for seconds. Sizes stand largest first, because
// formatting takes the first that divides.
inline constexpr Unit kTimes[] = {{"h", 3'600'000}, {"ms", 1}, {"m", 60'000}, {"s", 1000}};
inline constexpr Unit kSizes[] = {{"TiB", 1ULL << 40}, {"GiB", 1ULL << 30}, {"MiB", 1ULL << 20}, {"KiB", 1ULL << 10}};

// `text`: digits, and then the name of the unit, which has `letters` of them.
constexpr std::optional<uint64_t> Scale(std::string_view text, size_t letters, uint64_t size) {
  const std::optional<uint64_t> number = ParseNumber(text.substr(0, text.size() - letters));
  if (!number || *number > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) / size) return std::nullopt;
  return *number * size;
}

}  // namespace unit_internal

// A number and its unit: ms, s, m or h. A bare number is no time: nobody should have to guess its unit.
constexpr std::optional<std::chrono::milliseconds> ParseDuration(std::string_view text) {
  for (const unit_internal::Unit& unit : unit_internal::kTimes) {
    if (!text.ends_with(unit.name)) continue;
    const std::optional<uint64_t> number = unit_internal::Scale(text, unit.name.size(), unit.size);
    if (!number) return std::nullopt;
    return std::chrono::milliseconds(static_cast<int64_t>(*number));
  }
  return std::nullopt;
}

// A number of bytes, or of KiB, MiB, GiB or TiB (powers of 1024), in letters of any case and with or without the B. "K"
// and "KB" are refused: to some they are 1000, to others 1024.
constexpr std::optional<uint64_t> ParseBytes(std::string_view text) {
  if (const std::optional<uint64_t> plain = ParseNumber(text)) return plain;
  for (const unit_internal::Unit& unit : unit_internal::kSizes) {
    for (const std::string_view name : {unit.name, unit.name.substr(0, 2)}) {
      if (EndsWithIgnoreCase(text, name)) return unit_internal::Scale(text, name.size(), unit.size);
    }
  }
  return std::nullopt;
}

// Permissions of a file as chmod takes them: three or four octal digits up to 0777.
constexpr std::optional<uint32_t> ParseFileMode(std::string_view text) {
  if (text.size() == 4 && text.front() == '0') text.remove_prefix(1);
  if (text.size() != 3) return std::nullopt;
  uint32_t mode = 0;
  for (const char c : text) {
    if (c < '0' || c > '7') return std::nullopt;
    mode = mode * 8 + static_cast<uint32_t>(c - '0');
  }
  return mode;
}

// In the largest unit that divides: "90s", "5m", "64KiB", "100". Parsing gives the same value again.
std::string FormatDuration(std::chrono::milliseconds time);
std::string FormatBytes(uint64_t bytes);

}  // namespace sheaf
