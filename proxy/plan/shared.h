// What all workers have in common.
#pragma once

#include <atomic>
#include <cstdint>

#include "memwatch/memory_watcher.h"
#include "pool/affinity.h"
#include "proxy/base/pressure.h"

namespace sheaf {

// Set at start by the Server, which outlives the workers; the atomics are for any thread.
struct Shared {
  uint32_t workers;
  double cpu_share;  // of a CPU, that a worker can have
  std::atomic<uint32_t> max_connections{0};
  std::atomic<uint32_t> connections{0};  // of clients, sessions included
  std::atomic<bool> draining{false};
  std::atomic<bool> warned_of_untrusted_peer{false};
  std::atomic<bool> told_of_encoded_handshake{false};
  std::atomic<PressureLevel> pressure{PressureLevel::kNormal};
  pool::Affinity affinity{};
  memwatch::MemoryWatcher* watcher = nullptr;  // set before the workers run; outlives their threads
};

}  // namespace sheaf
