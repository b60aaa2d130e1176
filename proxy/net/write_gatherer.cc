#include "proxy/net/write_gatherer.h"

#include "proxy/net/connection.h"

namespace sheaf::net {

void WriteGatherer::Add(Connection& connection, uint32_t& slot, std::span<const uint8_t> bytes, bool borrowed) {
  if (slot == kNone) {
    if (used_ == entries_.size()) entries_.emplace_back();
    slot = static_cast<uint32_t>(used_++);
    entries_[slot].connection = &connection;
  }
  Entry& entry = entries_[slot];
  if (borrowed && entry.copied.empty()) {
    if (entry.borrowed.empty()) {
      entry.borrowed = bytes;
      return;
    }
    if (entry.borrowed.data() + entry.borrowed.size() == bytes.data()) {
      entry.borrowed = {entry.borrowed.data(), entry.borrowed.size() + bytes.size()};
      return;
    }
  }
  entry.copied.insert(entry.copied.end(), entry.borrowed.begin(), entry.borrowed.end());
  entry.borrowed = {};
  entry.copied.insert(entry.copied.end(), bytes.begin(), bytes.end());
}

void WriteGatherer::Drop(uint32_t& slot) {
  if (slot == kNone) return;
  Entry& entry = entries_[slot];
  entry.connection = nullptr;
  entry.borrowed = {};
  entry.copied.clear();
  slot = kNone;
}

size_t WriteGatherer::size(uint32_t slot) const {
  return slot == kNone ? 0 : entries_[slot].copied.size() + entries_[slot].borrowed.size();
}

void WriteGatherer::Flush(uint32_t slot) {
  // Taken out of the entry first: Transmit may call back, and a callback may write again.
  Connection* connection = entries_[slot].connection;
  if (connection == nullptr) return;
  entries_[slot].connection = nullptr;
  const std::span<const uint8_t> borrowed = entries_[slot].borrowed;
  entries_[slot].borrowed = {};
  std::vector<uint8_t> copied = std::move(entries_[slot].copied);
  entries_[slot].copied.clear();
  connection->ForgetGathered();
  connection->Transmit(copied.empty() ? borrowed : std::span<const uint8_t>(copied));
  if (copied.capacity() <= kKeepCapacity) {
    copied.clear();
    if (entries_[slot].copied.capacity() == 0) entries_[slot].copied = std::move(copied);
  }
}

void WriteGatherer::FlushAll() {
  for (size_t slot = 0; slot < used_; ++slot) Flush(static_cast<uint32_t>(slot));
  used_ = 0;
}

}  // namespace sheaf::net
