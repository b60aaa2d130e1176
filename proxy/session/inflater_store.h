// Inflaters of a worker's sessions between two messages: a session has one only amid a compressed message.
//
// Owned by the worker; one thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "proxy/session/client_inflater.h"

namespace sheaf {

class InflaterStore {
 public:
  std::unique_ptr<ClientInflater> Take();
  void Keep(std::unique_ptr<ClientInflater> inflater);
  // Frees the spare ones; returns their bytes.
  uint64_t Free();

 private:
  static constexpr size_t kMostSpare = 8;
  static constexpr uint8_t kWindowBits = 15;  // serves every smaller window

  std::vector<std::unique_ptr<ClientInflater>> spare_;
};

}  // namespace sheaf
