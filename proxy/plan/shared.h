// What all workers have in common.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "memwatch/memory_watcher.h"
#include "pool/backend.h"
#include "proxy/base/option_table.h"
#include "proxy/base/pressure.h"
#include "proxy/net/tls_context.h"
#include "proxy/plan/routes.h"

namespace sheaf {

// Set at start by the Server, which outlives the workers; the atomics are for any thread.
struct Shared {
  const Options& options;
  const Routes& routes;
  const std::shared_ptr<pool::Backend> backend;
  const net::TlsContext* tls;  // towards clients; nullptr: plain
  uint32_t workers;
  uint32_t max_connections;
  double cpu_share;                      // of a CPU, that a worker can have
  std::atomic<uint32_t> connections{0};  // of clients, sessions included
  std::atomic<bool> draining{false};
  std::atomic<bool> warned_of_untrusted_peer{false};
  std::atomic<PressureLevel> pressure{PressureLevel::kNormal};
  memwatch::MemoryWatcher* watcher = nullptr;  // set before the workers run; outlives their threads
};

}  // namespace sheaf
