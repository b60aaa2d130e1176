#include "pool/balance.h"

namespace sheaf::pool {
namespace {

// The finalizer of SplitMix64: neighbouring inputs end far apart.
uint64_t Mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
  return x ^ (x >> 31);
}

// What those that are not new were given.
struct Settled {
  uint64_t count = 0;
  uint64_t picks = 0;

  explicit Settled(std::span<const Candidate> candidates) {
    for (const Candidate& one : candidates) {
      count += one.is_new ? 0 : 1;
      picks += one.is_new ? 0 : one.picks;
    }
  }
  bool Allows(const Candidate& one) const { return !one.is_new || one.picks * count <= 2 * picks; }
};

// Rendezvous hashing: an endpoint that comes or goes moves only its own share.
size_t PickByHash(std::span<const Candidate> candidates, uint64_t hash) {
  size_t best = 0;
  uint64_t most = 0;
  for (size_t i = 0; i < candidates.size(); ++i) {
    const uint64_t weight = Mix(hash ^ Mix(candidates[i].identity));
    if (i == 0 || weight > most) {
      best = i;
      most = weight;
    }
  }
  return best;
}

}  // namespace

uint64_t HashText(std::string_view text) {
  // FNV-1a, then mixed, since its upper bits are poor.
  uint64_t hash = 0xCBF29CE484222325U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  return Mix(hash);
}

size_t Pick(Balance balance, std::span<const Candidate> candidates, size_t turn, uint64_t hash) {
  if (balance == Balance::kHash) return PickByHash(candidates, hash);
  const Settled settled(candidates);
  size_t best = candidates.size();
  for (size_t i = 0; i < candidates.size(); ++i) {
    const size_t at = (turn + i) % candidates.size();
    if (!settled.Allows(candidates[at])) continue;
    if (balance == Balance::kRoundRobin) return at;
    if (best == candidates.size() || candidates[at].sessions < candidates[best].sessions) best = at;
  }
  return best;
}

}  // namespace sheaf::pool
