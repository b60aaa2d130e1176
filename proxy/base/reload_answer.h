// What came of a reload.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sheaf {

struct ReloadAnswer {
  bool taken = false;
  uint64_t generation = 0;  // that is in force now
  std::string digest;       // of its conf file: SHA-256 in hexadecimal
  std::string error;        // why it was not taken: a line for each thing that is wrong
  // Options that have changed and whose values wait for a restart.
  std::vector<std::string> needs_restart;
};

}  // namespace sheaf
