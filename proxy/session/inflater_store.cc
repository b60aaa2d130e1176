#include "proxy/session/inflater_store.h"

#include <utility>

namespace sheaf {

std::unique_ptr<ClientInflater> InflaterStore::Take() {
  if (spare_.empty()) return std::make_unique<ClientInflater>(kWindowBits);
  std::unique_ptr<ClientInflater> inflater = std::move(spare_.back());
  spare_.pop_back();
  return inflater;
}

void InflaterStore::Keep(std::unique_ptr<ClientInflater> inflater) {
  if (spare_.size() < kMostSpare) spare_.push_back(std::move(inflater));
}

uint64_t InflaterStore::Free() {
  const uint64_t freed = spare_.size() * (wire::InflaterBytes(kWindowBits) + ClientInflater::kRoom);
  std::vector<std::unique_ptr<ClientInflater>>().swap(spare_);
  return freed;
}

}  // namespace sheaf
