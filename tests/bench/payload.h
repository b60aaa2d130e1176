// The text that is sent to and fro: JSON of one fixed size, with a sequence number and a time in it, so that each
// message can be told from every other and its way be timed.
//
//   {"type":"tick","seq":"0000000012","t":"00000001234567890123","pad":"xxx..."}
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sheaf::bench {

class Payload {
 public:
  struct Stamp {
    uint64_t sequence = 0;
    uint64_t sent_ns = 0;
  };

  // size: of the whole text, at least kSmallest.
  explicit Payload(size_t size);

  // The text with this stamp; valid until the next call.
  std::string_view Write(Stamp stamp);
  // The stamp, or nothing when any byte besides it differs from what was sent.
  std::optional<Stamp> Read(std::string_view text) const;

  static constexpr size_t kSmallest = 80;

 private:
  std::string text_;
};

}  // namespace sheaf::bench
