// Every order in which some of a set of events may come.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sheaf {

inline void AppendOrders(std::string_view events, size_t most, std::string& played, std::vector<std::string>& orders) {
  if (!played.empty()) orders.push_back(played);
  if (played.size() == most) return;
  for (const char event : events) {
    if (played.find(event) != std::string::npos) continue;
    played.push_back(event);
    AppendOrders(events, most, played, orders);
    played.pop_back();
  }
}

// All sequences of one to `most` of `events`, a letter an event, none of which comes twice.
inline std::vector<std::string> EveryOrder(std::string_view events, size_t most) {
  std::string played;
  std::vector<std::string> orders;
  AppendOrders(events, most, played, orders);
  return orders;
}

}  // namespace sheaf
