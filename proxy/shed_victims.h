// Who is closed first where memory is critically short. Pure.
//
// Sessions, clients and lingering closes offer themselves alike, as victims; the worker keeps those that are due.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace sheaf {

// How a client takes what waits for it, the worst first.
enum class Reads : uint8_t {
  kNothing,    // for longer than a client is given to answer a Close
  kHaltingly,  // nothing since the last look
  kSteadily,
};

struct Victim {
  Reads reads;
  size_t cost;                 // bytes beyond what an idle one takes
  size_t memory;               // what its end gives back, about
  std::function<void()> shed;  // ends it
};

// Keeps at most `most`, the costliest first. Who reads is not cut while others do not: only those who read worst of all
// are kept, the others are left for a later time.
inline void KeepCostliest(std::vector<Victim>& victims, size_t most) {
  if (victims.empty()) return;
  const auto reads_worse = [](const Victim& a, const Victim& b) { return a.reads < b.reads; };
  const Reads worst = std::min_element(victims.begin(), victims.end(), reads_worse)->reads;
  std::erase_if(victims, [worst](const Victim& one) { return one.reads != worst; });
  const auto end = victims.begin() + static_cast<ptrdiff_t>(std::min(most, victims.size()));
  std::partial_sort(victims.begin(), end, victims.end(),
                    [](const Victim& a, const Victim& b) { return a.cost > b.cost; });
  victims.erase(end, victims.end());
}

}  // namespace sheaf
