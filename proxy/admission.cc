#include "proxy/admission.h"

#include <algorithm>

namespace sheaf {

std::optional<RejectReason> AdmitConnection(const Load& load) {
  if (load.max_connections != 0 && load.connections > load.max_connections) return RejectReason::kOverloaded;
  return std::nullopt;
}

std::optional<RejectReason> AdmitRequest(const Load& load) {
  if (InForce(ReliefStep::kRefuse, load.pressure)) return RejectReason::kMemoryCritical;
  return std::nullopt;
}

std::optional<RejectReason> AdmitWebSocket(const Load& load) {
  if (load.draining) return RejectReason::kDraining;
  return std::nullopt;
}

uint32_t MaxConnections(uint32_t configured, uint64_t descriptor_limit) {
  if (configured != 0) return configured;
  constexpr uint64_t kReserved = 128;
  constexpr uint64_t kMost = 10'000'000;
  const uint64_t free = descriptor_limit > 2 * kReserved ? descriptor_limit - kReserved : descriptor_limit / 2;
  return static_cast<uint32_t>(std::clamp<uint64_t>(free / 2, 1, kMost));
}

}  // namespace sheaf
