#include "batching/message.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <new>
#include <string>
#include <type_traits>

namespace sheaf::batching {
namespace {

// Blocks of memory of messages that are gone, ready for the next ones of about the same size. All come from the global
// allocator and may go back there at any time: so no message depends on the life of this.
class SpareBlocks {
 public:
  static constexpr size_t kUnit = 64;  // block sizes are its multiples
  static constexpr size_t kMostBytes = 4096;
  static constexpr size_t kMostSpare = 256;

  void* Take(size_t size) {
    if (size > kMostBytes) return ::operator new(size);
    List& list = lists_[IndexOf(size)];
    list.idle_periods = 0;
    if (list.first == nullptr) return ::operator new(Rounded(size));
    --count_;
    return std::exchange(list.first, list.first->next);
  }

  void Give(void* block, size_t size) {
    if (size > kMostBytes || users_ == 0 || count_ == kMostSpare) return ::operator delete(block);
    List& list = lists_[IndexOf(size)];
    list.first = new (block) Block{list.first};
    ++count_;
  }

  void AddUser() { ++users_; }
  void RemoveUser() {
    if (--users_ > 0) return;
    for (List& list : lists_) FreeAll(list);
  }

  size_t FreeAll() {
    size_t freed = 0;
    for (size_t i = 0; i < std::size(lists_); ++i) {
      const size_t before = count_;
      FreeAll(lists_[i]);
      freed += (before - count_) * (i + 1) * kUnit;
    }
    return freed;
  }

  // Another period is over.
  void Age() {
    if (count_ == 0) return;
    for (List& list : lists_) {
      if (list.first != nullptr && ++list.idle_periods > 2) FreeAll(list);
    }
  }

 private:
  struct Block {
    Block* next;
  };
  struct List {
    Block* first = nullptr;
    uint32_t idle_periods = 0;  // ends of periods since a block was asked for
  };

  static size_t IndexOf(size_t size) { return (size - 1) / kUnit; }
  static size_t Rounded(size_t size) { return (IndexOf(size) + 1) * kUnit; }

  void FreeAll(List& list) {
    while (list.first != nullptr) {
      ::operator delete(std::exchange(list.first, list.first->next));
      --count_;
    }
  }

  List lists_[kMostBytes / kUnit];
  size_t count_ = 0;
  size_t users_ = 0;  // stores of this thread; without any, nobody would give the memory back
};

// Never destroyed, so that a message may be let go however late.
static_assert(std::is_trivially_destructible_v<SpareBlocks>);
constinit thread_local SpareBlocks spare_blocks;

size_t HashOf(wire::Opcode opcode, std::string_view payload) {
  constexpr size_t kSpread = 0x9E3779B97F4A7C15;
  return std::hash<std::string_view>()(payload) ^ static_cast<size_t>(opcode) * kSpread;
}

}  // namespace

void MessageRef::Destroy(Message* message) {
  static_assert(std::is_trivially_destructible_v<Message>);
  spare_blocks.Give(message, sizeof(Message) + message->frame().size());
}

MessageStore::MessageStore() {
  spare_blocks.AddUser();
}

MessageStore::~MessageStore() {
  places_.clear();
  spare_blocks.RemoveUser();
}

MessageRef MessageStore::Make(wire::Opcode opcode, std::string_view payload) {
  std::string header;
  wire::AppendFrameHeader(header, opcode, true, payload.size());
  void* block = spare_blocks.Take(sizeof(Message) + header.size() + payload.size());
  auto* message = new (block) Message(opcode, payload.size());
  message->serial_ = ++latest_serial_;
  message->header_size_ = static_cast<uint8_t>(header.size());
  char* start = reinterpret_cast<char*>(message + 1);
  std::memcpy(start, header.data(), header.size());
  if (!payload.empty()) std::memcpy(start + header.size(), payload.data(), payload.size());
  return MessageRef(message);
}

std::span<MessageStore::Place> MessageStore::PlacesFor(size_t hash) {
  if (places_.empty()) places_.resize(kSets * kWays);
  return std::span(places_).subspan(hash % kSets * kWays, kWays);
}

MessageRef MessageStore::Intern(wire::Opcode opcode, std::string_view payload, const void* receiver) {
  if (payload.size() > kMaxShared) return Make(opcode, payload);
  const size_t hash = HashOf(opcode, payload);
  const std::span<Place> set = PlacesFor(hash);
  ++asks_;
  for (Place& place : set) {
    if (!place.message || place.hash != hash || place.message->opcode() != opcode || place.message->text() != payload) {
      continue;
    }
    place.asked = asks_;
    if (place.receiver != receiver && !place.message->shared()) {
      place.message->shared_ = true;
      audience_.Learn(payload, true);
    }
    return place.message;
  }
  MessageRef message = Make(opcode, payload);
  Remember(set, hash, message, receiver);
  return message;
}

MessageRef MessageStore::InternBroadcast(uint64_t number, wire::Opcode opcode, std::string_view payload) {
  if (broadcast_number_ == number) return broadcast_;
  ForgetBroadcast();  // where memory cannot be had for it, the one before it must not go out as this
  broadcast_ = Intern(opcode, payload);
  if (!std::exchange(broadcast_->shared_, true)) audience_.Learn(payload, true);
  broadcast_number_ = number;
  return broadcast_;
}

void MessageStore::ForgetBroadcast() {
  broadcast_number_ = 0;
  broadcast_ = {};
}

void MessageStore::Remember(std::span<Place> set, size_t hash, const MessageRef& message, const void* receiver) {
  // An empty place was never asked for: it is the oldest.
  Place& oldest =
      *std::min_element(set.begin(), set.end(), [](const Place& a, const Place& b) { return a.asked < b.asked; });
  if (oldest.message) Forget(oldest);
  if (bytes_ + message->size() > kMaxRemembered) return;
  oldest = {hash, asks_, receiver, message};
  ++remembered_;
  bytes_ += message->size();
}

void MessageStore::Forget(Place& place) {
  if (!place.message->shared()) audience_.Learn(place.message->text(), false);
  --remembered_;
  bytes_ -= place.message->size();
  place = {};
}

void MessageStore::Expire() {
  const uint64_t limit = std::exchange(asks_at_expire_, asks_);
  ForgetBroadcast();
  if (remembered_ > 0) {
    for (Place& place : places_) {
      if (place.message && place.asked <= limit) Forget(place);
    }
  }
  spare_blocks.Age();
}

size_t MessageStore::Trim() {
  const size_t freed = bytes_ + places_.size() * sizeof(Place);
  ForgetBroadcast();
  if (remembered_ > 0) {
    for (Place& place : places_) {
      if (place.message) Forget(place);
    }
  }
  std::vector<Place>().swap(places_);
  return freed + spare_blocks.FreeAll();
}

}  // namespace sheaf::batching
