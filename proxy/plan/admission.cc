#include "proxy/plan/admission.h"

#include <algorithm>

namespace sheaf {

std::optional<RefuseReason> AdmitConnection(const Load& load) {
  if (load.max_connections != 0 && load.connections > load.max_connections) return RefuseReason::kOverloaded;
  return std::nullopt;
}

bool MayLinger(const Load& load) {
  constexpr uint32_t kFew = 32;
  return load.max_connections == 0 || load.connections <= uint64_t{load.max_connections} + kFew;
}

std::optional<RefuseReason> AdmitRequest(const Load& load) {
  if (InForce(ReliefStep::kRefuse, load.pressure)) return RefuseReason::kMemoryCritical;
  return std::nullopt;
}

std::optional<RefuseReason> AdmitWebSocket(const Load& load) {
  if (load.draining) return RefuseReason::kDraining;
  return std::nullopt;
}

uint64_t LeastDescriptors(const DescriptorUse& use) {
  constexpr uint64_t kOfProcess = 40;  // the admin listener, readings of memory in a nest of control groups, the log
  constexpr uint64_t kOfWorker = 8;    // its loop and its listening socket
  constexpr uint64_t kOfClient = 2;
  // Of each further listener: a socket a worker, and the file of a Unix socket.
  const uint64_t of_listeners = uint64_t{use.listeners - 1} * (uint64_t{use.workers} + 1);
  return use.open + kOfProcess + use.workers * kOfWorker + of_listeners + use.warm + kKeptFree + kOfClient;
}

uint32_t MaxConnections(uint32_t configured, uint64_t limit, uint64_t least) {
  if (configured != 0) return configured;
  constexpr uint64_t kLeaving = 128;
  constexpr uint64_t kMost = 10'000'000;
  const uint64_t over = limit > least ? limit - least : 0;
  const uint64_t free = over - std::min(kLeaving, over / 2);
  return static_cast<uint32_t>(std::min(1 + free / 2, kMost));
}

}  // namespace sheaf
