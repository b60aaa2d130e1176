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
std::optional<RejectReason> AdmitConnection(const Load& load);
// For a request on an admitted connection.
std::optional<RejectReason> AdmitRequest(const Load& load);
// For a new WebSocket, besides. Ordinary requests are served while draining, and their connections closed.
std::optional<RejectReason> AdmitWebSocket(const Load& load);

// listen.max_connections, or, when it is 0, what `descriptor_limit` (RLIMIT_NOFILE) allows: a session needs two
// descriptors, and some are kept for listening sockets, logs, the admin listener and warm connections.
uint32_t MaxConnections(uint32_t configured, uint64_t descriptor_limit);

}  // namespace sheaf
