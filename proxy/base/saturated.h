// Small counts that stay at their type's end instead of beginning anew.
#pragma once

#include <concepts>
#include <limits>

namespace sheaf {

template <std::unsigned_integral T>
void CountSaturated(T& count) {
  if (count != std::numeric_limits<T>::max()) ++count;
}

}  // namespace sheaf
