#include "proxy/base/units.h"

namespace sheaf {

std::string FormatDuration(std::chrono::milliseconds time) {
  const auto count = static_cast<uint64_t>(time.count());
  if (count == 0) return "0s";
  if (count % 3'600'000 == 0) return std::to_string(count / 3'600'000) + "h";
  if (count % 60'000 == 0) return std::to_string(count / 60'000) + "m";
  if (count % 1000 == 0) return std::to_string(count / 1000) + "s";
  return std::to_string(count) + "ms";
}

std::string FormatBytes(uint64_t bytes) {
  for (const unit_internal::Unit& unit : unit_internal::kSizes) {
    if (bytes != 0 && bytes % unit.size == 0) return std::to_string(bytes / unit.size).append(unit.name);
  }
  return std::to_string(bytes);
}

}  // namespace sheaf
