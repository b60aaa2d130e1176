// Whether one client is worth a compression context of its own: what it alone gets would else be compressed without
// any, and what it gets in another order than others with too little. Pure.
//
//   choice.OnMessage(for_many, size, plenty);   // before a message is compressed
//   if (choice.wanted()) ...
//   choice.OnPlace(strayed, caught_up);         // behind one for many
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

  // `strayed`: it was in no line behind the messages that this client got. `caught_up`: of the messages for many it has
  // as much as a context of its own could refer to.
  void OnPlace(bool strayed, bool caught_up) {
    strays_ = strayed ? std::min(static_cast<uint8_t>(strays_ + kStray), kMostStrays)
                      : static_cast<uint8_t>(strays_ - std::min<uint8_t>(strays_, 1));
    if (strays_ >= kManyStrays) strays_often_ = true;
    if (strays_ < kFewStrays) strays_often_ = false;
    if (caught_up) {
      earned_ = false;
      ago_ = kLongAgo;
    }
  }

  bool wanted() const { return earned_ || strays_often_; }

 private:
  // So many messages in a row for this client alone earn it one. A message for many takes away as much: a heartbeat now
  // and then changes nothing.
  static constexpr uint8_t kAlone = 4;
  static constexpr uint8_t kMostAlone = 8;
  // So many messages for many behind the last one for it alone, and the context is of no more use.
  static constexpr uint8_t kLongAgo = 32;
  // Straying every third time is enough: what follows it has little to refer to.
  static constexpr uint8_t kStray = 2;
  static constexpr uint8_t kMostStrays = 16;
  static constexpr uint8_t kManyStrays = 12;
  static constexpr uint8_t kFewStrays = 5;

  uint8_t alone_ = 0;
  uint8_t ago_ = kLongAgo;  // messages for many since one that was worth a context
  uint8_t strays_ = 0;
  bool any_alone_ : 1 = false;
  bool earned_ : 1 = false;
  bool strays_often_ : 1 = false;
};

}  // namespace sheaf
