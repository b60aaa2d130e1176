// Which endpoint of a backend gets what is new. Pure.
//
// The candidates are those that may be had: neither known to be down, nor drained. Of a single one nobody asks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "proxy/base/option_table.h"

namespace sheaf::pool {

struct Candidate {
  uint32_t sessions = 0;  // of all workers
  uint32_t picks = 0;     // of this worker, since the set of those that are new has last changed
  bool is_new = false;    // has come back within slow_start
  uint64_t identity = 0;  // HashText of its name
};

// The same text has the same hash in every process, so that replicas of Sheaf agree.
uint64_t HashText(std::string_view text);

// The index of one. `turn`: how often this was asked before: among equals it is one after the other's turn. `hash`:
// what Balance::kHash goes by. A new one has no more than twice the picks that the others have on average, but by hash.
size_t Pick(Balance balance, std::span<const Candidate> candidates, size_t turn, uint64_t hash);

}  // namespace sheaf::pool
