// Whether one client is worth a compression context of its own: what it alone gets would else be compressed without
// any, and what it gets in another order than others with too little. Pure.
//
//   choice.OnMessage(for_many, size, plenty);   // before a message is compressed
//   if (choice.wanted()) ...
//   choice.OnPlace(poor, caught_up);         // behind one for many
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace sheaf {

class ContextChoice {
 public:
  // What is for one client and no larger is hardly worth compressing by itself: it goes as it is, unless there is a
  // context anyway.
  static constexpr size_t kSmall = 128;

  // A message of `size` bytes, for many clients or for this one alone. `plenty`: contexts need not be earned.
  void OnMessage(bool for_many, size_t size, bool plenty) {
    if (for_many) {
      alone_ = static_cast<uint8_t>(alone_ - std::min(alone_, kAlone));
      if (ago_ < kLongAgo && ++ago_ == kLongAgo) earned_ = false;
      return;
    }
    if (!any_alone_ && plenty) alone_ = kAlone;
    any_alone_ = true;
    const bool large = size > kSmall;
    if (alone_ >= kAlone || (large && ago_ < kLongAgo)) earned_ = true;
    if (alone_ >= kAlone || large) ago_ = 0;
    alone_ = std::min(static_cast<uint8_t>(alone_ + 1), kMostAlone);
  }

  // `poor`: the client had little of what came before the message, so that a shared frame says little less than one
  // without a context. `caught_up`: of the messages for many it has as much as a context of its own could refer to.
  void OnPlace(bool poor, bool caught_up) {
    poor_ = poor ? std::min(static_cast<uint8_t>(poor_ + kPoor), kPoorest)
                 : static_cast<uint8_t>(poor_ - std::min<uint8_t>(poor_, 1));
    if (poor_ >= kOftenPoor) often_poor_ = true;
    if (poor_ < kSeldomPoor) often_poor_ = false;
    if (caught_up) {
      earned_ = false;
      ago_ = kLongAgo;
    }
  }

  bool wanted() const { return earned_ || often_poor_; }

 private:
  // So many messages in a row for this client alone earn it one. A message for many takes away as much: a heartbeat now
  // and then changes nothing.
  static constexpr uint8_t kAlone = 4;
  static constexpr uint8_t kMostAlone = 8;
  // So many messages for many behind the last one for it alone, and the context is of no more use.
  static constexpr uint8_t kLongAgo = 32;
  // Every third message is often enough. A newcomer is poor for some eight messages, and earns none by that.
  static constexpr uint8_t kPoor = 2;
  static constexpr uint8_t kPoorest = 64;
  static constexpr uint8_t kOftenPoor = 40;
  static constexpr uint8_t kSeldomPoor = 20;

  uint8_t alone_ = 0;
  uint8_t ago_ = kLongAgo;  // messages for many since one that was worth a context
  uint8_t poor_ = 0;
  bool any_alone_ : 1 = false;
  bool earned_ : 1 = false;
  bool often_poor_ : 1 = false;
};

}  // namespace sheaf
