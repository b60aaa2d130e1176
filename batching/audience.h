// Guesses whether a message is for many clients or for one, when nobody but the first has got it so far: by what came
// of earlier messages with the same beginning, and where there was none, of earlier messages. A wrong guess costs
// bytes, never a wrong one.
//
// Part of a MessageStore; one thread only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sheaf::batching {

class Audience {
 public:
  // Before anything was learnt: for one.
  bool IsMany(std::string_view payload) const {
    const uint8_t count = counts_[PlaceOf(payload)];
    return count == kUnknown ? overall_ > kMostOverall / 2 : count >= kMany;
  }

  // What the message with this payload turned out to be.
  void Learn(std::string_view payload, bool many) {
    overall_ = Moved(overall_, many, 0, kMostOverall);
    uint8_t& count = counts_[PlaceOf(payload)];
    count = count == kUnknown ? static_cast<uint8_t>(many ? kMany : kMany - 1) : Moved(count, many, 1, kMost);
  }

 private:
  static constexpr size_t kBeginning = 16;  // bytes, without digits: mostly what says of which kind a message is
  static constexpr size_t kPlaces = 1024;   // which beginnings share by chance
  // Of each four, as of a branch predictor: a single exception does not turn the guess.
  static constexpr uint8_t kUnknown = 0;
  static constexpr uint8_t kMany = 3;
  static constexpr uint8_t kMost = 4;
  static constexpr uint8_t kMostOverall = 15;

  static uint8_t Moved(uint8_t count, bool up, uint8_t least, uint8_t most) {
    if (up) return count < most ? static_cast<uint8_t>(count + 1) : most;
    return count > least ? static_cast<uint8_t>(count - 1) : least;
  }

  // Counts and times differ from message to message of a kind. FNV-1a.
  static size_t PlaceOf(std::string_view payload) {
    uint32_t hash = 0x811C9DC5;
    size_t taken = 0;
    for (const char c : payload.substr(0, 2 * kBeginning)) {
      if (c >= '0' && c <= '9') continue;
      hash = (hash ^ static_cast<uint8_t>(c)) * 0x01000193;
      if (++taken == kBeginning) break;
    }
    return hash % kPlaces;
  }

  std::array<uint8_t, kPlaces> counts_{};
  uint8_t overall_ = kMostOverall / 2;
};

}  // namespace sheaf::batching
