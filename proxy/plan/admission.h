// Whether new work is taken: counts in, accept or refuse out. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "proxy/base/pressure.h"
#include "proxy/base/status.h"

namespace sheaf {

struct Load {
  uint32_t connections = 0;      // of clients, this one included
  uint32_t max_connections = 0;  // 0: no limit
  bool draining = false;
  PressureLevel pressure = PressureLevel::kNormal;
};

// For a new client connection: refused with 503 when there are too many.
std::optional<RefuseReason> AdmitConnection(const Load& load);
// Whether a connection that is refused may linger until its client has taken the answer. A lingering one keeps a
// descriptor meanwhile, so only a few may.
bool MayLinger(const Load& load);
// For a request on an admitted connection.
std::optional<RefuseReason> AdmitRequest(const Load& load);
// For a new WebSocket, besides. Ordinary requests are served while draining, and their connections closed.
std::optional<RefuseReason> AdmitWebSocket(const Load& load);

// Descriptors that clients may not take: for the admin listener, health checks and look-ups.
inline constexpr uint32_t kKeptFree = 32;

struct DescriptorUse {
  uint32_t open = 0;  // before anything is made
  uint32_t workers = 0;
  uint32_t warm = 0;  // pool.min_size
  uint32_t listeners = 1;
};
// The least limit of descriptors (RLIMIT_NOFILE) with which a client can be served.
uint64_t LeastDescriptors(const DescriptorUse& use);

// listen.max_connections, or, when it is 0, what `limit` allows over `least`: each client needs two descriptors, and
// where there are enough, some are left for connections that are on their way out.
uint32_t MaxConnections(uint32_t configured, uint64_t limit, uint64_t least);

}  // namespace sheaf
