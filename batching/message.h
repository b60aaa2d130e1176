// Messages of the backend that wait for a client. Tunnelled sessions that get the same broadcast hold the same Message:
// the store finds it again by its bytes. So what is known of a message is found out once, and a batch is the same batch
// where it has the same messages.
//
//   MessageStore store;                          // one a worker
//   MessageRef message = store.Intern(wire::Opcode::kText, payload);
//   message->text()
//
// One thread only: the counts are plain.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "batching/audience.h"
#include "proxy/wire/ws_frame.h"

namespace sheaf::batching {

// What an Examiner found out about a message (batching/examiner.h).
struct MessageFacts {
  bool carriable = false;      // the envelope can carry it
  bool look_alike = false;     // alone, a decoder would take it for an envelope: it must be wrapped
  bool critical = false;       // a critical rule matched: it leaves at once
  bool overtake = false;       // ... and ahead of what is gathered
  bool replaceable = false;    // a conflation rule matched and it has a key
  uint16_t critical_rule = 0;  // index in the route's list, if critical
  uint16_t conflate_rule = 0;  // index in the route's list, if replaceable
  uint32_t key_offset = 0;     // the key's JSON text within the payload, if replaceable
  uint32_t key_size = 0;
  // So many bytes at the payload's beginning belong to the key too: of a Socket.IO event its namespace and its name.
  uint32_t scope_size = 0;
};

// One message, never changed after it was made. Lives as long as a MessageRef to it does.
class Message {
 public:
  wire::Opcode opcode() const { return opcode_; }  // kText or kBinary
  bool is_text() const { return opcode_ == wire::Opcode::kText; }
  size_t size() const { return size_; }
  std::string_view text() const { return {start() + header_size_, size_}; }
  std::span<const uint8_t> bytes() const { return {reinterpret_cast<const uint8_t*>(start()) + header_size_, size_}; }
  // The payload with the header of an unmasked frame in front.
  std::string_view frame() const { return {start(), size_t{header_size_} + size_}; }

  // A cache for Examiners: the facts, and whose they are. Messages of several routes can be the same.
  uint64_t examined_by = 0;
  MessageFacts facts;

  // The count of this message in its store, from 1 on; no two have the same.
  uint64_t serial() const { return serial_; }
  // Another receiver than the first one has got it, too, or will: it is for many.
  bool shared() const { return shared_; }

 private:
  friend class MessageRef;
  friend class MessageStore;
  Message(wire::Opcode opcode, size_t size) : size_(static_cast<uint32_t>(size)), opcode_(opcode) {}
  const char* start() const { return reinterpret_cast<const char*>(this + 1); }

  uint32_t references_ = 0;
  uint32_t size_;
  uint64_t serial_ = 0;
  wire::Opcode opcode_;
  uint8_t header_size_ = 0;
  bool shared_ = false;
  // The header and the payload follow.
};

// Shared ownership of a Message. Two refs are equal when they hold the same object.
class MessageRef {
 public:
  MessageRef() = default;
  explicit MessageRef(Message* message) : message_(message) { Take(); }
  MessageRef(const MessageRef& other) : message_(other.message_) { Take(); }
  MessageRef(MessageRef&& other) noexcept : message_(std::exchange(other.message_, nullptr)) {}
  MessageRef& operator=(MessageRef other) noexcept {
    std::swap(message_, other.message_);
    return *this;
  }
  ~MessageRef() { Release(); }

  explicit operator bool() const { return message_ != nullptr; }
  Message* operator->() const { return message_; }
  Message& operator*() const { return *message_; }
  Message* get() const { return message_; }
  friend bool operator==(const MessageRef& a, const MessageRef& b) { return a.message_ == b.message_; }

 private:
  void Take() const {
    if (message_ != nullptr) ++message_->references_;
  }
  void Release() {
    if (message_ != nullptr && --message_->references_ == 0) Destroy(message_);
  }
  static void Destroy(Message* message);

  Message* message_ = nullptr;
};

// Makes messages, and remembers the recent ones. Bounded: a fixed number of places, each message at most kMaxShared
// bytes and all of them kMaxRemembered, forgotten by Expire after one to two periods.
//
// Messages may outlive the store that made them, and may be let go in another thread than the one they were made in.
class MessageStore {
 public:
  static constexpr size_t kMaxShared = 64 * 1024;             // a larger message is made anew each time
  static constexpr size_t kMaxRemembered = 16 * 1024 * 1024;  // beyond it, too

  MessageStore();
  MessageStore(const MessageStore&) = delete;
  MessageStore& operator=(const MessageStore&) = delete;
  ~MessageStore();

  // The message with this type and these bytes: a recent one if there is one, else a new one. `payload` is copied.
  // `receiver`: for whom; only its address is looked at, also when the object is gone.
  MessageRef Intern(wire::Opcode opcode, std::string_view payload, const void* receiver = nullptr);
  // The same for a message that others get in this moment, too: of those with one number, which is not 0, only the
  // first is looked for.
  MessageRef InternBroadcast(uint64_t number, wire::Opcode opcode, std::string_view payload);
  // A new one, which is not remembered.
  MessageRef Make(wire::Opcode opcode, std::string_view payload);

  // Whether the message is for many: it is known, or messages that begin like this one mostly were.
  bool IsForMany(const Message& message) const { return message.shared() || audience_.IsMany(message.text()); }
  // It was taken to be for many, and nobody else has asked for it by the time that another message came.
  void NoteAlone(const Message& message) { audience_.Learn(message.text(), false); }
  // The same as if another receiver had asked for it: it is for many.
  void MarkShared(Message& message) { message.shared_ = true; }

  // Called once a period (the worker's half second): forgets what was not asked for since the call before, and gives
  // memory of messages that are gone back when it was of no use for two periods. Cheap when there is nothing to do.
  void Expire();
  // Forgets all, and frees spare memory; returns the bytes that this freed, about: messages that wait in a queue live
  // on.
  size_t Trim();

  size_t remembered() const { return remembered_; }

 private:
  struct Place {
    size_t hash = 0;
    uint64_t asked = 0;              // asks_ when it was last asked for
    const void* receiver = nullptr;  // who asked for it first
    MessageRef message;
  };
  // A message is looked for in the few places that its hash names, so that not even chosen bytes make this slow.
  static constexpr size_t kWays = 4;
  static constexpr size_t kSets = 1024;

  std::span<Place> PlacesFor(size_t hash);
  void Remember(std::span<Place> set, size_t hash, const MessageRef& message, const void* receiver);
  void Forget(Place& place);
  void ForgetBroadcast();

  std::vector<Place> places_;  // made at the first use
  Audience audience_;
  uint64_t broadcast_number_ = 0;
  MessageRef broadcast_;  // the one that came last, until the end of the period
  uint64_t latest_serial_ = 0;
  size_t remembered_ = 0;
  size_t bytes_ = 0;             // payload of what is remembered
  uint64_t asks_ = 0;            // calls of Intern
  uint64_t asks_at_expire_ = 0;  // ... when Expire was last called
};

}  // namespace sheaf::batching
